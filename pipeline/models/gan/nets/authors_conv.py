"""The convolutional pair of the 2014 paper's authors, for CIFAR-10."""

import itertools

import torch
from torch import Tensor, nn

from pipeline.config.models.gan import nets
from pipeline.errors import TrainingError
from pipeline.models.common.layers import Dropout, Hidden, connected
from pipeline.models.gan.nets.disturbance import noise_and_dropout

# Shapes: B batch, U units, Z noise; images are BCHW.


class DeconvGenerator(nn.Module):
    """z [B, Z] -> images before the output's nonlinearity; TrainingError if `hidden` does not fit their size."""

    def __init__(
        self, net: nets.DeconvGenerator, inputs: int, image_shape: tuple, stream: torch.Generator
    ):
        super().__init__()
        channels, *size = image_shape
        self.map_shape = (net.channels, *(map_size(net, pixels) for pixels in size))
        units = int(torch.Size(self.map_shape).numel())
        if units != net.hidden[-1]:
            raise TrainingError(
                f"train.generator: images of {size[0]} x {size[1]} need {units:,} units in the last of "
                f"hidden, which is {net.hidden[-1]:,}: {net.channels} channels of "
                f"{self.map_shape[1]} x {self.map_shape[2]}"
            )
        if len(net.activation) != len(net.hidden):
            raise TrainingError("train.generator: activation and hidden must have as many entries")
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

    def forward(self, z_BZ: Tensor) -> Tensor:
        h_BU = z_BZ
        for layer in self.hidden:
            h_BU = self.noise_and_dropout(layer(h_BU))
        return self.last(h_BU.unflatten(1, self.map_shape)) + self.bias


def map_size(net: nets.DeconvGenerator, pixels: int) -> int:
    """Pixels a side before the transposed convolution; TrainingError if no size gives `pixels`."""
    size, rest = divmod(pixels - net.kernel, net.stride)
    if size < 0 or rest:
        raise TrainingError(
            f"train.generator: {pixels} pixels cannot be made with kernel {net.kernel} and stride "
            f"{net.stride}: pixels - kernel must be a multiple of stride"
        )
    return size + 1


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
        for i, u in itertools.pairwise([flat_size(net, image_shape), *net.hidden]):
            rest += [
                Dropout(net.dropout_hidden, stream),
                connected(i, u, "maxout", net.pieces, "none"),
            ]
        self.hidden = nn.Sequential(*rest, Dropout(net.dropout_hidden, stream))
        self.features = net.hidden[-1]

    def forward(self, x_BCHW: Tensor) -> Tensor:
        return self.hidden(self.convolutions(x_BCHW).flatten(1))


def flat_size(net: nets.MaxoutConvDiscriminator, image_shape: tuple) -> int:
    """Units after the convolutions; TrainingError where an image is too small for them."""
    channels, *size = image_shape
    for conv in net.convolutions:
        size = [pixels + 2 * conv.pad - conv.kernel + 1 for pixels in size]
        if min(size) < conv.pool:
            raise TrainingError(
                f"train.discriminator: images of {image_shape[1]} x {image_shape[2]} are too small for "
                f"its convolutions: {min(size)} pixels are left where {conv.pool} are pooled"
            )
        size = [-(-(pixels - conv.pool) // conv.pool_stride) + 1 for pixels in size]
        channels = conv.channels
    return channels * size[0] * size[1]
