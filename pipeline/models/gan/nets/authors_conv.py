"""The convolutional pair of the 2014 paper's authors, for CIFAR-10."""

import itertools

import torch
from torch import Tensor, nn

from pipeline.config.models.gan import nets
from pipeline.config.models.gan.sizes import deconv_map, maxout_conv_features
from pipeline.models.common.layers import Dropout, Hidden, connected
from pipeline.models.gan.nets.disturbance import noise_and_dropout

# Shapes: B batch, U units, Z noise; images are BCHW.


class DeconvGenerator(nn.Module):
    """z [B, Z] -> images before the output's nonlinearity; SizeError if `hidden` does not fit their size."""

    def __init__(
        self,
        net: nets.DeconvGenerator,
        inputs: int,
        image_shape: tuple,
        stream: torch.Generator,
        classes: int = 0,
    ):
        """`classes`: 0, because no norm is there to be told one."""
        super().__init__()
        channels = image_shape[0]
        self.map_shape = deconv_map(net, image_shape)
        self.hidden = nn.ModuleList(
            connected(i, u, activation, 5, "none")
            for (i, u), activation in zip(
                itertools.pairwise([inputs, *net.hidden]), net.activation, strict=True
            )
        )
        self.noise_and_dropout = noise_and_dropout(net, stream)
        self.last = nn.ConvTranspose2d(
            net.channels, channels, net.kernel, stride=net.stride, bias=False
        )
        self.bias = nn.Parameter(torch.zeros(image_shape))  # one for each pixel (authors: untied)

    def forward(self, z_BZ: Tensor, labels_B: Tensor | None = None) -> Tensor:
        h_BU = z_BZ
        for layer in self.hidden:
            h_BU = self.noise_and_dropout(layer(h_BU))
        return self.last(h_BU.unflatten(1, self.map_shape)) + self.bias


class MaxoutConvDiscriminator(nn.Module):
    """Images -> features [B, F]: maxout convolutions with max pooling, then maxout layers.

    Pooling includes partial windows, as in the authors' library. 32 x 32 gives maps of 16, 7 and 5.
    """

    def __init__(
        self, net: nets.MaxoutConvDiscriminator, image_shape: tuple, stream: torch.Generator
    ):
        super().__init__()
        self.image_by_image = True
        layers: list[nn.Module] = []
        channels = image_shape[0]
        for index, conv in enumerate(net.convolutions):
            rate = net.dropout_hidden if index else net.dropout_input
            affine = nn.Conv2d(channels, conv.channels * conv.pieces, conv.kernel, padding=conv.pad)
            layers += [
                Dropout(rate, stream),
                Hidden(affine, nn.Identity(), "maxout", conv.pieces),
                nn.MaxPool2d(conv.pool, conv.pool_stride, ceil_mode=True),
            ]
            channels = conv.channels
        self.convolutions = nn.Sequential(*layers)
        rest: list[nn.Module] = []
        for i, u in itertools.pairwise([maxout_conv_features(net, image_shape), *net.hidden]):
            rest += [
                Dropout(net.dropout_hidden, stream),
                connected(i, u, "maxout", net.pieces, "none"),
            ]
        self.hidden = nn.Sequential(*rest, Dropout(net.dropout_hidden, stream))
        self.features = net.hidden[-1]

    def forward(self, x_BCHW: Tensor) -> Tensor:
        return self.hidden(self.convolutions(x_BCHW).flatten(1))
