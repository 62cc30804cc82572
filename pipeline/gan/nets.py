"""The players: fully connected nets with the authors' units, initialisations and output bias."""

import itertools
from collections.abc import Callable
from functools import reduce
from typing import cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from pipeline.config import train as config

# Shapes: B batch, I inputs of a layer, U units, P pieces of a maxout unit, D pixels, Z noise.

ACTIVATIONS: dict[str, Callable[[Tensor], Tensor]] = {
    "relu": F.relu,
    "leaky_relu": lambda x: F.leaky_relu(x, 0.2),
    "tanh": torch.tanh,
    "softplus": F.softplus,
}

# Each output squashes to its own range; it is then mapped to the range the nets work in.
OUTPUTS: dict[str, Callable[[Tensor], Tensor]] = {
    "tanh": torch.tanh,
    "sigmoid": lambda x: torch.sigmoid(x) * 2 - 1,
    "linear": lambda x: x,
}


class Dropout(nn.Module):
    """Sets a share `rate` of the inputs to 0 and scales the others by 1 / (1 - rate), in training.

    Unlike nn.Dropout it draws from a stream of its own, which a checkpoint can hold.
    """

    def __init__(self, rate: float, stream: torch.Generator):
        super().__init__()
        self.rate = rate
        self.stream = stream

    def forward(self, x_BI: Tensor) -> Tensor:
        if not self.training or self.rate == 0:
            return x_BI
        keep = 1 - self.rate
        # compared with keep, because it is several times faster than bernoulli_
        drawn_BI = torch.rand(x_BI.shape, generator=self.stream, device=x_BI.device)
        return x_BI * (drawn_BI < keep).to(x_BI.dtype).div_(keep)


class Maxout(torch.autograd.Function):
    """The largest of P pieces, [B, P * U] -> [B, U]; piece p of unit u is column p * U + u.

    One piece gets the gradient, the first among equals. Whole rows of units are compared at a time:
    three times as fast as amax over neighbouring columns.
    """

    @staticmethod
    def forward(ctx, h_BPU: Tensor, pieces: int) -> Tensor:
        largest_BU = reduce(torch.maximum, h_BPU.chunk(pieces, dim=1))
        ctx.save_for_backward(h_BPU, largest_BU)
        ctx.pieces = pieces
        return largest_BU

    @staticmethod
    def backward(ctx, gradient_BU: Tensor) -> tuple[Tensor, None]:  # type: ignore[override]
        h_BPU, largest_BU = ctx.saved_tensors
        gradient_BPU = torch.empty_like(h_BPU)
        pieces = zip(h_BPU.chunk(ctx.pieces, 1), gradient_BPU.chunk(ctx.pieces, 1), strict=True)
        for h_BU, out_BU in pieces:
            # the gradient where h - largest is 0, nothing where it is less; vectorised also in bf16
            out_BU.copy_(torch.ops.aten.threshold_backward(gradient_BU, h_BU - largest_BU, -1e-30))
            gradient_BU = gradient_BU - out_BU
        return gradient_BPU, None


class Hidden(nn.Module):
    """Affine map, optional BatchNorm, nonlinearity; for maxout the largest of `pieces` affine maps."""

    def __init__(self, inputs: int, units: int, activation: str, pieces: int, batch_norm: bool):
        super().__init__()
        self.pieces = pieces if activation == "maxout" else 1
        self.activation = ACTIVATIONS.get(activation)
        self.linear = nn.Linear(inputs, units * self.pieces)
        self.norm = nn.BatchNorm1d(units * self.pieces) if batch_norm else nn.Identity()

    def forward(self, x_BI: Tensor) -> Tensor:
        h = self.norm(self.linear(x_BI))
        if self.activation is not None:
            return self.activation(h)
        return cast(Tensor, Maxout.apply(h, self.pieces))


class Generator(nn.Module):
    """G: z [B, Z] -> images [B, C, H, W] in [-1, 1], or [0, 1] when `pixels` is "unit"."""

    def __init__(self, net: config.Generator, noise_dim: int, image_shape: tuple, pixels: str):
        super().__init__()
        self.image_shape = tuple(image_shape)
        self.output = OUTPUTS[net.output]
        self.unit_pixels = pixels == "unit"
        widths = [noise_dim, *net.hidden]
        self.hidden = nn.ModuleList(
            Hidden(i, u, net.activation, net.pieces, net.batch_norm)
            for i, u in itertools.pairwise(widths)
        )
        self.last = nn.Linear(widths[-1], int(torch.Size(image_shape).numel()))

    def forward(self, z_BZ: Tensor) -> Tensor:
        h_BU = z_BZ
        for layer in self.hidden:
            h_BU = layer(h_BU)
        x_BD = self.output(self.last(h_BU).float())
        if self.unit_pixels:
            x_BD = (x_BD + 1) / 2
        return x_BD.unflatten(1, self.image_shape)


class Discriminator(nn.Module):
    """D: images [B, C, H, W] -> logits [B]; D(x) = sigmoid(logit)."""

    def __init__(self, net: config.Discriminator, image_shape: tuple, stream: torch.Generator):
        super().__init__()
        widths = [int(torch.Size(image_shape).numel()), *net.hidden]
        self.image_by_image = not net.batch_norm
        rates = [net.dropout_input] + [net.dropout_hidden] * len(net.hidden)
        self.dropout = nn.ModuleList(Dropout(rate, stream) for rate in rates)
        self.hidden = nn.ModuleList(
            Hidden(i, u, net.activation, net.pieces, net.batch_norm)
            for i, u in itertools.pairwise(widths)
        )
        self.last = nn.Linear(widths[-1], 1)

    def forward(self, x_BCHW: Tensor) -> Tensor:
        h_BU = x_BCHW.flatten(1)
        for dropout, layer in zip(self.dropout, self.hidden, strict=False):
            h_BU = layer(dropout(h_BU))
        return self.last(self.dropout[-1](h_BU)).squeeze(1).float()


def initialize(net: Generator | Discriminator, init: config.Init, stream: torch.Generator) -> None:
    """Draw every affine map's weights as `init` says; biases start at 0 (authors)."""
    for layer in net.modules():
        if isinstance(layer, nn.Linear):
            with torch.no_grad():
                _draw_weights(layer.weight, init, layer is net.last, stream)
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


def start_at_the_mean(G: Generator, net: config.Generator, mean_CHW: Tensor) -> None:
    """Set the output bias so that an input of 0 gives the training mean, given in [-1, 1].

    tanh(x) = 2 sigmoid(2x) - 1, so its bias is half the logit that sigmoid's is.
    """
    logit_D = torch.logit((mean_CHW.double().flatten() + 1) / 2, eps=net.output_bias_clip)
    with torch.no_grad():
        G.last.bias.copy_(logit_D if net.output == "sigmoid" else logit_D / 2)
