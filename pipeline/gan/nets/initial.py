"""Where weights start."""

import torch
from torch import Tensor, nn

from pipeline.config import train as config


def initialize(net: nn.Module, init: config.Init, stream: torch.Generator) -> None:
    """Draw every affine map's weights as `init` says; biases start at 0 (authors)."""
    affine = [layer for layer in net.modules() if isinstance(layer, nn.Linear)]
    with torch.no_grad():
        for layer in affine:
            _draw_weights(layer.weight, init, layer is affine[-1], stream)
            layer.bias.zero_()


def _draw_weights(
    weight_UI: Tensor, init: config.Init, is_last: bool, stream: torch.Generator
) -> None:
    match init:
        case config.UniformInit(range=limit):
            weight_UI.uniform_(-limit, limit, generator=stream)
        case config.NormalInit(std=std):
            weight_UI.normal_(0, std, generator=stream)
        case config.HeInit(gain=gain, output_gain=output_gain):
            gain *= output_gain if is_last else 1
            weight_UI.normal_(0, gain * (2 / weight_UI.shape[1]) ** 0.5, generator=stream)


def start_at_the_mean(last: nn.Linear, net: config.MlpGenerator, mean_CHW: Tensor) -> None:
    """Set the output bias so that an input of 0 gives the training mean, given in [-1, 1].

    tanh(x) = 2 sigmoid(2x) - 1, so its bias is half the logit that sigmoid's is.
    """
    logit_D = torch.logit((mean_CHW.double().flatten() + 1) / 2, eps=net.output_bias_clip)
    with torch.no_grad():
        last.bias.copy_(logit_D if net.output == "sigmoid" else logit_D / 2)
