"""R3GAN's residual nets without norms (Huang 2024, section 4 and their code): G and D mirror each other.

32 x 32 is as published with the settings' defaults, FFHQ at 256 x 256 with `filters: 96, growth: 2`; only D's last
unit has a bias more, as of all nets here.
"""

import itertools
from collections.abc import Iterable

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from pipeline.config.models.gan import nets
from pipeline.config.models.gan.sizes import r3gan_maps, widened
from pipeline.models.common.layers import Dropout
from pipeline.models.gan.nets.disturbance import noise_and_dropout
from pipeline.models.gan.nets.resampling import Bilinear, Size

# Shapes: B batch, Z noise, F features; images and maps are BCHW.

MOST_TIMES = 8  # as many filters as `filters` in the smallest maps: 768 as published
SLOPE = 0.2  # of leaky ReLU below 0


class ResidualBlock(nn.Module):
    """The map, and added to it 1 x 1, grouped 3 x 3 and 1 x 1 convolutions with leaky ReLU between them."""

    def __init__(self, filters: int, net: nets.R3gan):
        super().__init__()
        wide = filters * net.expansion
        groups = wide // net.group
        self.residual = nn.ModuleList(
            [
                nn.Conv2d(filters, wide, 1),
                nn.Conv2d(wide, wide, 3, padding=1, groups=groups),
                nn.Conv2d(wide, filters, 1, bias=False),
            ]
        )

    def forward(self, x: Tensor) -> Tensor:
        h = x
        for convolution in self.residual[:2]:  # type: ignore[index]
            h = F.leaky_relu(convolution(h), SLOPE)
        return x + self.residual[2](h)


def blocks(filters: int, net: nets.R3gan) -> nn.Sequential:
    """The residual blocks for one size of map."""
    return nn.Sequential(*(ResidualBlock(filters, net) for _ in range(net.blocks)))


def change(inputs: int, outputs: int) -> nn.Module:
    """A 1 x 1 convolution where the number of filters changes."""
    return nn.Identity() if inputs == outputs else nn.Conv2d(inputs, outputs, 1, bias=False)


def between(maps: list[Size]) -> Iterable[Bilinear]:
    """Resampling between neighbours in `maps`, from the image down."""
    return (Bilinear(small, large) for large, small in itertools.pairwise(maps))


class Basis(nn.Module):
    """z [B, Z] -> maps [B, C, H, W]: a learned map for each filter, times a linear function of z."""

    def __init__(self, inputs: int, filters: int, size: Size):
        super().__init__()
        self.weight = nn.Parameter(torch.ones(filters, *size))
        self.linear = nn.Linear(inputs, filters, bias=False)

    def forward(self, z_BZ: Tensor) -> Tensor:
        return self.weight * self.linear(z_BZ)[:, :, None, None]


class R3ganGenerator(nn.Module):
    """z [B, Z] -> images before the output's nonlinearity."""

    def __init__(
        self,
        net: nets.R3ganGenerator,
        inputs: int,
        image_shape: tuple,
        stream: torch.Generator,
        classes: int = 0,
    ):
        """`classes`: 0, because no norm is there to be told one."""
        super().__init__()
        maps = r3gan_maps(image_shape)
        filters = widened(net.filters, len(maps), net.growth, MOST_TIMES)[::-1]
        self.first = Basis(inputs, filters[0], maps[-1])
        self.blocks = nn.ModuleList(blocks(count, net) for count in filters)
        self.changes = nn.ModuleList(change(i, o) for i, o in itertools.pairwise(filters))
        self.resampling = nn.ModuleList([*between(maps)][::-1])
        self.noise_and_dropout = noise_and_dropout(net, stream)
        self.last = nn.Conv2d(filters[-1], image_shape[0], 1, bias=False)

    def forward(self, z_BZ: Tensor, labels_B: Tensor | None = None) -> Tensor:
        h = self.noise_and_dropout(self.blocks[0](self.first(z_BZ)))
        for narrow, resample, block in zip(
            self.changes, self.resampling, self.blocks[1:], strict=True
        ):
            h = self.noise_and_dropout(block(resample.enlarge(narrow(h))))  # type: ignore[operator]
        return self.last(h)


class R3ganDiscriminator(nn.Module):
    """Images -> features [B, F]: of each filter of the smallest map a learned mean."""

    def __init__(self, net: nets.R3ganDiscriminator, image_shape: tuple, stream: torch.Generator):
        super().__init__()
        self.image_by_image = True
        maps = r3gan_maps(image_shape, "discriminator")
        filters = widened(net.filters, len(maps), net.growth, MOST_TIMES)
        self.dropout_input = Dropout(net.dropout_input, stream)
        self.dropout = Dropout(net.dropout_hidden, stream)
        self.first = nn.Conv2d(image_shape[0], filters[0], 1, bias=False)
        self.blocks = nn.ModuleList(blocks(count, net) for count in filters)
        self.changes = nn.ModuleList(change(i, o) for i, o in itertools.pairwise(filters))
        self.resampling = nn.ModuleList(between(maps))
        self.features = filters[-1]
        self.basis = nn.Conv2d(
            self.features, self.features, maps[-1], groups=self.features, bias=False
        )

    def forward(self, x_BCHW: Tensor) -> Tensor:
        h = self.blocks[0](self.first(self.dropout_input(x_BCHW)))
        for widen, resample, block in zip(
            self.changes, self.resampling, self.blocks[1:], strict=True
        ):
            h = block(widen(resample.reduce(self.dropout(h))))  # type: ignore[operator]
        return self.dropout(self.basis(self.dropout(h)).flatten(1))
