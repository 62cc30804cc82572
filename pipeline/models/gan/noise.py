"""Priors of z, all of zero mean and unit variance per coordinate."""

from collections.abc import Callable
from typing import NamedTuple

import torch.nn.functional as F
from torch import Generator, Tensor

from pipeline.compute import streams
from pipeline.config.models.gan.train import Noise, Train

UNIFORM_REACH = 3**0.5  # of U(-reach, reach), whose variance is 1


def uniform(shape: tuple[int, int], stream: Generator) -> Tensor:
    """U(-sqrt 3, sqrt 3): the authors' MNIST prior."""
    return (streams.uniform(shape, stream) * 2 - 1) * UNIFORM_REACH


def gaussian(shape: tuple[int, int], stream: Generator) -> Tensor:
    """N(0, 1)."""
    return streams.normal(shape, stream)


def sphere(shape: tuple[int, int], stream: Generator) -> Tensor:
    """Uniform on the sphere of radius sqrt(dim)."""
    return F.normalize(gaussian(shape, stream), dim=-1) * shape[-1] ** 0.5


PRIORS: dict[str, Callable[[tuple[int, int], Generator], Tensor]] = {
    "uniform": uniform,
    "gaussian": gaussian,
    "sphere": sphere,
}


class Latent(NamedTuple):
    """The arguments of G."""

    z: Tensor  # [B, Z]
    labels: Tensor | None = None  # [B], of a conditional G


def draw(settings: Noise, count: int, stream: Generator, classes: int = 0) -> Latent:
    """Arguments of G for `count` images. `classes`: of a conditional G, whose labels are drawn uniformly; 0
    for any other."""
    z_BZ = PRIORS[settings.prior]((count, settings.dim), stream)
    if classes == 0:
        return Latent(z_BZ)
    return Latent(z_BZ, (streams.uniform((count,), stream) * classes).long())


def draw_for(train: Train, count: int, stream: Generator, classes: int) -> Latent:
    """Arguments of a run's G for `count` images; `classes`: number of labels of its data."""
    return draw(train.noise, count, stream, classes if train.conditional else 0)
