"""sample R: draw images from the trained generator."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from pipeline.compute import devices
from pipeline.compute.streams import generator
from pipeline.config.models.gan.train import Train
from pipeline.config.sample import Sample
from pipeline.errors import DataError
from pipeline.evaluation.plots import grids
from pipeline.io.arrays import write_shards
from pipeline.io.files import write_bytes
from pipeline.io.tensors import read_about, read_tensors
from pipeline.models.gan import noise
from pipeline.models.gan.nets import Generator


@torch.no_grad()
def run(settings: Sample, seed: int, threads: int, model: Path, samples: Path, grid: Path) -> None:
    """float32 [count, C, H, W] in [-1, 1], in shards if they are many; a picture of the first of them."""
    devices.reproducible(threads)
    G, train, shape, classes = load_generator(model, settings.weights)
    shown: list[Tensor] = []

    def blocks() -> Iterator[np.ndarray]:
        for images in draw(settings, seed, G, train, classes):
            if sum(map(len, shown)) < wanted(settings, shape):
                shown.append(images)
            yield images.numpy()

    write_shards(samples, (settings.count, *shape), blocks())
    columns = settings.grid_columns if train.conditional is None else classes
    first = torch.cat(shown)[: wanted(settings, shape)]
    write_bytes(grid, grids.grid(first.numpy(), columns))


def draw(settings: Sample, seed: int, G: Generator, train: Train, classes: int) -> Iterator[Tensor]:
    """All samples, a batch at a time."""
    stream = generator(seed, "sample")
    for start in range(0, settings.count, settings.batch_size):
        count = min(settings.batch_size, settings.count - start)
        latent = noise.draw(train, count, stream, classes)
        if latent.labels is not None:  # as many of each class, one in each column of the picture
            latent = latent._replace(labels=torch.arange(start, start + count) % classes)
        images = G(*latent).float()
        yield images * 2 - 1 if train.pixels == "unit" else images


def wanted(settings: Sample, shape: tuple) -> int:
    """Number of samples in the picture: a grid of images, or a plot of up to 10,000 points."""
    is_picture = tuple(shape[-2:]) != (1, 1)
    return settings.grid_rows * settings.grid_columns if is_picture else 10_000


def load_generator(model: Path, weights: str) -> tuple[Generator, Train, tuple, int]:
    """G in evaluation mode, its training settings, the shape [C, H, W] of what it makes, and the number
    of classes of the data (0: none)."""
    about = read_about(model)
    train = Train.model_validate(about["train"])
    shape = tuple(about["image_shape"])
    prefix = "generator_ema." if weights == "ema" else "generator."
    tensors = {
        k.removeprefix(prefix): v for k, v in read_tensors(model).items() if k.startswith(prefix)
    }
    if not tensors:
        raise DataError(
            f"{model} holds no {prefix}* weights. Set sample.weights: raw, or train with train.ema."
        )
    G = Generator(train, shape, about["classes"], generator(about["seed"], "sample layers"))
    G.load_state_dict(tensors)
    return G.eval(), train, shape, about["classes"]
