"""Fully connected bodies of either player: the nets of the 2014 paper on MNIST and TFD."""

import itertools

import torch
from torch import Tensor, nn

from pipeline.config.models.gan import nets
from pipeline.models.common.layers import Dropout, connected
from pipeline.models.gan.nets.disturbance import noise_and_dropout

# Shapes: B batch, U units, D pixels, Z noise.


def stack(
    net: nets.MlpGenerator | nets.MlpDiscriminator, inputs: int, classes: int = 0
) -> nn.ModuleList:
    """The hidden layers of `net`; `classes`: that their norms are told."""
    widths = itertools.pairwise([inputs, *net.hidden])
    return nn.ModuleList(
        connected(i, u, activation, net.pieces, net.norm, classes)
        for (i, u), activation in zip(widths, net.activations, strict=True)
    )


class MlpGenerator(nn.Module):
    """z [B, Z] -> images [B, C, H, W] before the output's nonlinearity."""

    def __init__(
        self,
        net: nets.MlpGenerator,
        inputs: int,
        image_shape: tuple,
        stream: torch.Generator,
        classes: int = 0,
    ):
        """`classes`: that BatchNorm is told; 0: it is told none."""
        super().__init__()
        self.image_shape = image_shape
        self.hidden = stack(net, inputs, classes)
        self.noise_and_dropout = noise_and_dropout(net, stream)
        self.last = nn.Linear(net.hidden[-1], int(torch.Size(image_shape).numel()))

    def forward(self, z_BZ: Tensor, labels_B: Tensor | None = None) -> Tensor:
        h_BU = z_BZ
        for layer in self.hidden:
            h_BU = self.noise_and_dropout(layer(h_BU, labels_B))
        return self.last(h_BU).unflatten(1, self.image_shape)


class MlpDiscriminator(nn.Module):
    """Images [B, C, H, W] -> features [B, F], the inputs of D's last unit."""

    def __init__(self, net: nets.MlpDiscriminator, image_shape: tuple, stream: torch.Generator):
        super().__init__()
        self.image_by_image = net.norm != "batch"
        rates = [net.dropout_input] + [net.dropout_hidden] * len(net.hidden)
        self.features = net.hidden[-1]
        self.dropout = nn.ModuleList(Dropout(rate, stream) for rate in rates)
        self.hidden = stack(net, int(torch.Size(image_shape).numel()))

    def forward(self, x_BCHW: Tensor) -> Tensor:
        h_BU = x_BCHW.flatten(1)
        for dropout, layer in zip(self.dropout, self.hidden, strict=False):
            h_BU = layer(dropout(h_BU))
        return self.dropout[-1](h_BU)
