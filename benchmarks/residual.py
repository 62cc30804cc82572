"""The residual nets of SNGAN (Miyato 2018, table 3) for 3 x 32 x 32 as a pair: CIFAR-10's shape.

The plain loop's modules are in the paper's order: G's shortcut is upsampled before its 1 x 1 convolution, D's
pooled after it.
"""

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.utils.parametrizations import spectral_norm

from benchmarks.floor import Layer, convolution, first, linear
from benchmarks.pairs import Pair

NOISE, SHAPE = 128, (3, 32, 32)
UPS = (8, 16, 32)  # pixels a side of the maps of G's blocks
DOWNS = (32, 16, 8, 8)  # of those that D's blocks take; the first two halve them


def conv(inputs: int, outputs: int, kernel: int = 3) -> nn.Conv2d:
    return nn.Conv2d(inputs, outputs, kernel, padding=kernel // 2)


class Up(nn.Module):
    def __init__(self, filters: int):
        super().__init__()
        self.up = nn.Upsample(scale_factor=2)
        normed = [nn.BatchNorm2d(filters), nn.ReLU(), self.up, conv(filters, filters)]
        self.residual = nn.Sequential(
            *normed, nn.BatchNorm2d(filters), nn.ReLU(), conv(filters, filters)
        )
        self.shortcut = conv(filters, filters, 1)

    def forward(self, x: Tensor) -> Tensor:
        return self.residual(x) + self.shortcut(self.up(x))


class Down(nn.Module):
    def __init__(self, inputs: int, filters: int, index: int):
        super().__init__()
        self.relu = nn.Identity() if index == 0 else nn.ReLU()
        self.one, self.two = (spectral_norm(conv(i, filters)) for i in (inputs, filters))
        halves = index < 2
        self.shortcut = spectral_norm(conv(inputs, filters, 1)) if halves else nn.Identity()
        self.pool = nn.AvgPool2d(2) if halves else nn.Identity()

    def forward(self, x: Tensor) -> Tensor:
        h = self.two(F.relu(self.one(self.relu(x))))
        return self.pool(h + self.shortcut(x))


class Judge(nn.Module):
    def __init__(self, filters: int):
        super().__init__()
        widths = [3, *[filters] * 3]
        self.blocks = nn.Sequential(*(Down(i, filters, n) for n, i in enumerate(widths)))
        self.last = spectral_norm(nn.Linear(filters, 1))

    def forward(self, x: Tensor) -> Tensor:
        return self.last(F.relu(self.blocks(x)).sum(dim=(2, 3)))


def plain(of_G: int, of_D: int) -> tuple[nn.Module, nn.Module]:
    start = [nn.Linear(NOISE, 16 * of_G), nn.Unflatten(1, (of_G, 4, 4))]
    end = [nn.BatchNorm2d(of_G), nn.ReLU(), conv(of_G, 3), nn.Tanh()]
    return nn.Sequential(*start, *(Up(of_G) for _ in UPS), *end), Judge(of_D)


def sngan(of_G: int = 256, of_D: int = 128) -> Pair:
    """With so many filters in every block, by default as published. A step takes seconds: few are timed, with half the
    published minibatch of 64."""

    def layers(dtype: torch.dtype, layout: torch.memory_format) -> tuple[list[Layer], list[Layer]]:
        def at(side: int, inputs: int, outputs: int, kernel: int = 3) -> Layer:
            return convolution(conv(inputs, outputs, kernel), (inputs, side, side), dtype, layout)

        G = [first(linear(NOISE, 16 * of_G, dtype))]
        for side in UPS:
            G += [at(side, of_G, of_G), at(side, of_G, of_G), at(side // 2, of_G, of_G, 1)]
        G.append(at(32, of_G, 3))
        D = [first(at(32, 3, of_D)), at(32, of_D, of_D), first(at(16, 3, of_D, 1))]
        for side in DOWNS[1:]:
            D += [at(side, of_D, of_D), at(side, of_D, of_D)]
        D += [at(8, of_D, of_D, 1), linear(of_D, 1, dtype)]
        return G, D

    return Pair(
        name=f"SNGAN's residual nets on 3 x 32 x 32, {of_G} and {of_D} filters",
        batch=32,
        noise=NOISE,
        nets={
            "generator": {"name": "resnet", "filters": of_G, "output": "tanh"},
            "discriminator": {"name": "resnet", "filters": of_D},
        },
        plain=lambda: plain(of_G, of_D),
        layers=layers,
        updates=("alternating",),
        shape=SHAPE,
        steps=1,
        rounds=1,
    )
