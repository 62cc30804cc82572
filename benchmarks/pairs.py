"""Pairs of nets, each as settings, as a plain loop and as the layers of its floor.

The plain loop is what a user would write: PyTorch modules, float32, Adam, zero_grad, backward, step, over
a tensor in memory. It makes the update that the settings describe, Algorithm 1 with k = 1.
"""

from collections.abc import Callable
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from benchmarks.floor import Layer, convolution, first, linear
from pipeline.config.models.gan.train import Train
from pipeline.models.gan.nets import strided

Maker = Callable[[torch.dtype, torch.memory_format], tuple[list[Layer], list[Layer]]]
LAYOUTS = {"maps by channel": torch.contiguous_format, "channels last": torch.channels_last}


@dataclass(frozen=True)
class Pair:
    """`nets`: `generator` and `discriminator` of params.yaml, without optimisers; `plain`: new modules that
    map z [B, Z] to images and images to logits; `layers`: those of G and D whose products are the floor."""

    name: str
    batch: int
    noise: int
    nets: dict
    plain: Callable[[], tuple[nn.Module, nn.Module]]
    layers: Maker
    updates: tuple[str, ...]
    shape: tuple[int, int, int] = (1, 28, 28)  # of an image
    steps: int = 20  # of each alternative in one timing
    rounds: int = 9

    def settings(self, update: str, precision: str) -> Train:
        adam = {"name": "adam", "lr": 1e-4}
        return Train.model_validate(
            {
                "steps": 10**9,
                "batch_size": self.batch,
                "update": update,
                "precision": precision,
                "noise": {"prior": "gaussian", "dim": self.noise},
                **{player: {**net, "optimizer": adam} for player, net in self.nets.items()},
            }
        )


class PlainMaxout(nn.Module):
    def __init__(self, inputs: int):
        super().__init__()
        self.linear = nn.Linear(inputs, 240 * 5)

    def forward(self, x: Tensor) -> Tensor:
        return self.linear(x).view(-1, 240, 5).max(dim=2).values


def plain_paper(dropout: bool) -> tuple[nn.Module, nn.Module]:
    drop = nn.Dropout if dropout else lambda rate: nn.Identity()
    hidden = [nn.Linear(100, 1200), nn.ReLU(), nn.Linear(1200, 1200), nn.ReLU()]
    G = nn.Sequential(*hidden, nn.Linear(1200, 784), nn.Tanh(), nn.Unflatten(1, (1, 28, 28)))
    maxout = [drop(0.2), PlainMaxout(784), drop(0.5), PlainMaxout(240), drop(0.5)]
    return G, nn.Sequential(nn.Flatten(), *maxout, nn.Linear(240, 1))


def paper(dropout: bool) -> Pair:
    """The nets of Goodfellow et al. 2014 on MNIST: 1,200 ReLU units twice, 240 maxout units of 5 pieces twice."""
    uniform = {"name": "uniform", "range": 0.005}
    D = {"hidden": [240, 240], "activation": "maxout", "pieces": 5, "init": uniform}
    G = {"hidden": [1200, 1200], "activation": "relu", "output": "tanh", "init": uniform}
    if dropout:
        D |= {"dropout_input": 0.2, "dropout_hidden": 0.5}

    def layers(dtype: torch.dtype, layout: torch.memory_format) -> tuple[list[Layer], list[Layer]]:
        of_G = [linear(i, o, dtype) for i, o in ((1200, 1200), (1200, 784))]
        of_D = [linear(i, o, dtype) for i, o in ((240, 1200), (240, 1))]
        return [first(linear(100, 1200, dtype)), *of_G], [first(linear(784, 1200, dtype)), *of_D]

    return Pair(
        name=f"the paper's nets, {'with' if dropout else 'without'} dropout",
        batch=100,
        noise=100,
        nets={"generator": G, "discriminator": D},
        plain=lambda: plain_paper(dropout),
        layers=layers,
        updates=("alternating", "simultaneous"),
    )


def up(inputs: int, outputs: int) -> nn.ConvTranspose2d:
    """Doubles height and width."""
    return nn.ConvTranspose2d(inputs, outputs, 5, 2, padding=2, output_padding=1)


def down(inputs: int, outputs: int) -> nn.Conv2d:
    """Halves height and width."""
    return nn.Conv2d(inputs, outputs, 5, 2, padding=2)


def plain_dcgan() -> tuple[nn.Module, nn.Module]:
    first = [nn.Linear(64, 3136), nn.Unflatten(1, (64, 7, 7)), nn.BatchNorm2d(64), nn.ReLU()]
    second = [up(64, 32), nn.BatchNorm2d(32), nn.ReLU()]
    D = [down(1, 32), nn.LeakyReLU(0.2), down(32, 64), nn.BatchNorm2d(64), nn.LeakyReLU(0.2)]
    return (
        nn.Sequential(*first, *second, up(32, 1), nn.Tanh()),
        nn.Sequential(*D, nn.Flatten(), nn.Linear(3136, 1)),
    )


def dcgan() -> Pair:
    """The nets of recipes/dcgan.yaml: DCGAN (Radford 2016) with 32 filters."""
    init = {"name": "normal", "std": 0.02, "norm_std": 0.02}
    same = {"name": "dcgan", "filters": 32, "norm": "batch", "init": init}

    def layers(dtype: torch.dtype, layout: torch.memory_format) -> tuple[list[Layer], list[Layer]]:
        G = [first(linear(64, 3136, dtype)), convolution(up(64, 32), (64, 7, 7), dtype, layout)]
        G += [convolution(strided.up(32, 1, 5), (32, 14, 14), dtype, layout)]
        of_images = convolution(strided.down(1, 32, 5), (1, 28, 28), dtype, layout)
        D = [first(of_images), linear(3136, 1, dtype)]
        D.insert(1, convolution(down(32, 64), (32, 14, 14), dtype, layout))
        return G, D

    return Pair(
        name="the nets of recipes/dcgan.yaml",
        batch=64,
        noise=64,
        nets={"generator": {**same, "output": "tanh"}, "discriminator": same},
        plain=plain_dcgan,
        layers=layers,
        updates=("alternating",),
    )


def plain_loop(pair: Pair, images_NCHW: Tensor) -> Callable[[], None]:
    """One step of the plain loop."""
    G, D = pair.plain()
    opt_G, opt_D = (torch.optim.Adam(net.parameters(), 1e-4) for net in (G, D))
    ones, zeros = torch.ones(pair.batch, 1), torch.zeros(pair.batch, 1)
    loss = F.binary_cross_entropy_with_logits

    def step() -> None:
        real = images_NCHW[torch.randint(len(images_NCHW), (pair.batch,))]
        fake = G(torch.randn(pair.batch, pair.noise))
        opt_D.zero_grad()
        (loss(D(real), ones) + loss(D(fake.detach()), zeros)).backward()
        opt_D.step()
        opt_G.zero_grad()
        loss(D(G(torch.randn(pair.batch, pair.noise))), ones).backward()
        opt_G.step()

    return step
