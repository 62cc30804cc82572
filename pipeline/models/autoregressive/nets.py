"""The net of a run: which one, of what size, with which initial weights."""

import torch
from torch import nn

from pipeline.config.models.autoregressive.train import (
    Fvsbn,
    Made,
    Nade,
    Net,
    PixelCnn,
    PixelRnn,
    WaveNet,
)
from pipeline.models.autoregressive import pixelcnn, pixelrnn, wavenet
from pipeline.models.autoregressive.dense import FullyVisible, Masked, SharedHidden
from pipeline.models.common.learner import reinitialize


def net_of(settings: Net, pixels: int, width: int, stream: torch.Generator) -> nn.Module:
    """A new net of images with `pixels` numbers in rows of `width`, its weights drawn from `stream`."""
    match settings:
        case Fvsbn():
            net: nn.Module = FullyVisible(pixels)
        case Made(hidden=hidden):
            net = Masked(pixels, hidden)
        case Nade(hidden=units):
            net = SharedHidden(pixels, units)
        case PixelCnn(channels=channels, blocks=blocks, kernel=kernel):
            net = pixelcnn.PixelCnn(pixels, width, channels, blocks, kernel)
        case PixelRnn(channels=channels, layers=layers):
            net = pixelrnn.PixelRnn(pixels, width, channels, layers)
        case WaveNet(channels=channels, dilations=dilations):
            net = wavenet.WaveNet(pixels, channels, dilations)
    reinitialize(net, stream)
    return net
