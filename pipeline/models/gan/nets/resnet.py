"""The residual nets of SNGAN (Miyato 2018, appendix B.4; their block is that of Gulrajani 2017).

32 x 32 is as published with `filters: 256` (G) and 128 (D) in all blocks. STL-10 and ImageNet have `filters: 64`
with `growth: 2` in both, and in D `smallest_map: 4, plain_blocks: 1`.
"""

import itertools
from functools import partial

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from pipeline.config.models.gan import nets
from pipeline.config.models.gan.sizes import resnet_maps, widened
from pipeline.models.common.layers import NORMS_2D, Dropout, norm_of, normalized
from pipeline.models.gan.nets.disturbance import noise_and_dropout
from pipeline.models.gan.nets.resampling import Nearest, average_pool

# Shapes: B batch, Z noise, F features; images and maps are BCHW.

MOST_TIMES = 16  # as many filters as `filters` in the smallest maps: 1,024 as published


def convolution(inputs: int, outputs: int) -> nn.Conv2d:
    return nn.Conv2d(inputs, outputs, 3, padding=1)


class UpBlock(nn.Module):
    """A map of twice the height and width: two convolutions behind norm and ReLU, added to a 1 x 1 convolution.

    The 1 x 1 convolution comes before the shortcut's upsampling, which gives the same and costs a quarter.
    """

    def __init__(self, inputs: int, outputs: int, norm: partial[nn.Module]):
        super().__init__()
        self.norms = nn.ModuleList([norm(units=inputs), norm(units=outputs)])
        self.residual = nn.ModuleList([convolution(inputs, outputs), convolution(outputs, outputs)])
        self.shortcut = nn.Conv2d(inputs, outputs, 1)
        self.up = Nearest()

    def forward(self, x: Tensor, labels_B: Tensor | None) -> Tensor:
        h = self.residual[0](self.up(F.relu(normalized(self.norms[0], x, labels_B))))
        h = self.residual[1](F.relu(normalized(self.norms[1], h, labels_B)))
        return h + self.up(self.shortcut(x))


class ResnetGenerator(nn.Module):
    """z [B, Z] -> images before the output's nonlinearity."""

    def __init__(
        self,
        net: nets.ResnetGenerator,
        inputs: int,
        image_shape: tuple,
        stream: torch.Generator,
        classes: int = 0,
    ):
        """`classes`: that BatchNorm is told; 0: it is told none."""
        super().__init__()
        maps = resnet_maps(net, image_shape)
        self.sizes = maps[-2::-1]  # of the maps after each block, the image's the last
        filters = widened(net.filters, len(maps), net.growth, MOST_TIMES)[::-1]
        self.map_shape = (filters[0], *maps[-1])
        norm = partial(norm_of, NORMS_2D, net.norm, classes=classes)
        self.first = nn.Linear(inputs, int(torch.Size(self.map_shape).numel()))
        self.blocks = nn.ModuleList(UpBlock(i, o, norm) for i, o in itertools.pairwise(filters))
        self.norm = norm(units=filters[-1])
        self.noise_and_dropout = noise_and_dropout(net, stream)
        self.last = convolution(filters[-1], image_shape[0])

    def forward(self, z_BZ: Tensor, labels_B: Tensor | None = None) -> Tensor:
        h = self.noise_and_dropout(self.first(z_BZ).unflatten(1, self.map_shape))
        for block, (height, width) in zip(self.blocks, self.sizes, strict=True):
            h = self.noise_and_dropout(block(h, labels_B)[..., :height, :width])
        return self.last(F.relu(normalized(self.norm, h, labels_B)))


class DownBlock(nn.Module):
    """ReLU, convolution, ReLU, convolution, added to the input; of half the height and width, if `halves`.

    The `first` block has no ReLU on the image. The shortcut's mean pooling comes before its 1 x 1 convolution,
    which gives the same and costs a quarter.
    """

    def __init__(self, inputs: int, outputs: int, *, first: bool, halves: bool):
        super().__init__()
        hidden = outputs if first else inputs
        self.first = first
        self.residual = nn.ModuleList([convolution(inputs, hidden), convolution(hidden, outputs)])
        learned = halves or inputs != outputs
        self.shortcut = nn.Conv2d(inputs, outputs, 1) if learned else nn.Identity()
        self.pool = average_pool() if halves else nn.Identity()

    def forward(self, x: Tensor) -> Tensor:
        h = self.residual[0](x if self.first else F.relu(x))
        return self.pool(self.residual[1](F.relu(h))) + self.shortcut(self.pool(x))


class ResnetDiscriminator(nn.Module):
    """Images -> features [B, F]: the sum over the last map."""

    def __init__(self, net: nets.ResnetDiscriminator, image_shape: tuple, stream: torch.Generator):
        super().__init__()
        self.image_by_image = True
        halvings = len(resnet_maps(net, image_shape, "discriminator")) - 1
        count = halvings + net.plain_blocks
        filters = [image_shape[0], *widened(net.filters, count, net.growth, MOST_TIMES)]
        layers: list[nn.Module] = []
        for index, (i, o) in enumerate(itertools.pairwise(filters)):
            rate = net.dropout_hidden if index else net.dropout_input
            block = DownBlock(i, o, first=index == 0, halves=index < halvings)
            layers += [Dropout(rate, stream), block]
        self.layers = nn.Sequential(*layers)
        self.dropout = Dropout(net.dropout_hidden, stream)
        self.features = filters[-1]

    def forward(self, x_BCHW: Tensor) -> Tensor:
        return self.dropout(F.relu(self.layers(x_BCHW)).sum(dim=(2, 3)))
