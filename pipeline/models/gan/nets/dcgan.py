"""DCGAN (Radford 2016) for images of any size from 16 to 256 pixels, with the variants of ganhacks 5."""

import itertools

import torch
from torch import Tensor, nn

from pipeline.config.models.gan import nets
from pipeline.config.models.gan.sizes import dcgan_maps, widened
from pipeline.models.common.layers import NORMS_2D, Dropout, Hidden, norm_of
from pipeline.models.gan.nets import strided
from pipeline.models.gan.nets.disturbance import noise_and_dropout
from pipeline.models.gan.nets.resampling import Nearest, average_pool

# Shapes: B batch, Z noise; images and maps are BCHW.

MOST_TIMES = 8  # as many filters as `filters` in the smallest maps: 1,024 as published


class DcganGenerator(nn.Module):
    """z [B, Z] -> images before the output's nonlinearity."""

    def __init__(
        self,
        net: nets.DcganGenerator,
        inputs: int,
        image_shape: tuple,
        stream: torch.Generator,
        classes: int = 0,
    ):
        """`classes`: that BatchNorm is told; 0: it is told none."""
        super().__init__()
        down = dcgan_maps(image_shape)
        self.sizes = down[-2::-1]  # of the maps after each doubling, the image's the last
        filters = widened(net.filters, len(self.sizes), most=MOST_TIMES)[::-1]
        self.map_shape = (filters[0], *down[-1])
        units = int(torch.Size(self.map_shape).numel())
        first_norm = _over_map(net.norm, self.map_shape, classes)
        self.first = Hidden(nn.Linear(inputs, units), first_norm, net.activation)
        self.hidden = nn.ModuleList(
            Hidden(
                upsample(i, o, net.up, net.kernel),
                norm_of(NORMS_2D, net.norm, o, classes),
                net.activation,
            )
            for i, o in itertools.pairwise(filters)
        )
        self.noise_and_dropout = noise_and_dropout(net, stream)
        self.last = upsample(filters[-1], image_shape[0], net.up, net.kernel)

    def forward(self, z_BZ: Tensor, labels_B: Tensor | None = None) -> Tensor:
        h = self.noise_and_dropout(self.first(z_BZ, labels_B).unflatten(1, self.map_shape))
        for layer, (height, width) in zip(self.hidden, self.sizes, strict=False):
            h = self.noise_and_dropout(layer(h, labels_B)[..., :height, :width])
        height, width = self.sizes[-1]
        return self.last(h)[..., :height, :width]


def _over_map(norm: str, map_shape: tuple, classes: int) -> nn.Module:
    """The norm of the first layer's units [B, U], applied to them as a map of `map_shape`."""
    if norm == "none" or classes:
        return norm_of(NORMS_2D, norm, map_shape[0], classes)
    return nn.Sequential(nn.Unflatten(1, map_shape), NORMS_2D[norm](map_shape[0]), nn.Flatten())


def upsample(inputs: int, outputs: int, up: str, kernel: int) -> nn.Module:
    """A map of twice the height and width (tip 5: by PixelShuffle or a strided transposed convolution)."""
    if up == "transposed":
        return strided.up(inputs, outputs, kernel)
    if up == "pixel_shuffle":
        return nn.Sequential(nn.Conv2d(inputs, 4 * outputs, 3, padding=1), nn.PixelShuffle(2))
    return nn.Sequential(Nearest(), nn.Conv2d(inputs, outputs, kernel, padding=kernel // 2))


class DcganDiscriminator(nn.Module):
    """Images -> features [B, F]: the last map, flat."""

    def __init__(self, net: nets.DcganDiscriminator, image_shape: tuple, stream: torch.Generator):
        super().__init__()
        self.image_by_image = net.norm != "batch"
        maps = dcgan_maps(image_shape, "discriminator")[1:]
        filters = [image_shape[0], *widened(net.filters, len(maps), most=MOST_TIMES)]
        layers: list[nn.Module] = []
        for index, (i, o) in enumerate(itertools.pairwise(filters)):
            norm = NORMS_2D[net.norm](o) if index else nn.Identity()
            rate = net.dropout_hidden if index else net.dropout_input
            layers += [
                Dropout(rate, stream),
                Hidden(downsample(i, o, net.down, net.kernel), norm, net.activation),
            ]
        self.layers = nn.Sequential(*layers, Dropout(net.dropout_hidden, stream))
        self.features = filters[-1] * maps[-1][0] * maps[-1][1]

    def forward(self, x_BCHW: Tensor) -> Tensor:
        return strided.in_order(self.layers(x_BCHW), strided.FIRST).flatten(1)


def downsample(inputs: int, outputs: int, down: str, kernel: int) -> nn.Module:
    """A map of half the height and width, rounded up (tip 5: average pooling or a strided convolution)."""
    if down == "strided":
        return strided.down(inputs, outputs, kernel)
    return nn.Sequential(nn.Conv2d(inputs, outputs, 3, padding=1), average_pool())
