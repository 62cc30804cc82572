"""sample R: draw images from the trained generator."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from pipeline.compute import devices
from pipeline.config.sample import Sample
from pipeline.evaluation.plots import grids
from pipeline.io.arrays import write_shards
from pipeline.io.files import write_bytes
from pipeline.io.tensors import read_about, read_tensors
from pipeline.models.gan.sampling import draw
from pipeline.models.gan.saved import Saved


def run(settings: Sample, seed: int, threads: int, model: Path, samples: Path, grid: Path) -> None:
    """float32 [count, C, H, W] in [-1, 1], in shards if they are many; a picture of the first of them."""
    devices.reproducible(threads)
    saved = Saved(read_about(model), read_tensors(model), str(model))
    G, shape = saved.generator(settings.weights), saved.image_shape
    shown: list[Tensor] = []

    def blocks() -> Iterator[np.ndarray]:
        for images in draw(G, settings.count, settings.batch_size, seed):
            if sum(map(len, shown)) < wanted(settings, shape):
                shown.append(images)
            yield images.numpy()

    write_shards(samples, (settings.count, *shape), blocks())
    columns = settings.grid_columns if saved.train.conditional is None else saved.classes
    first = torch.cat(shown)[: wanted(settings, shape)]
    write_bytes(grid, grids.grid(first.numpy(), columns))


def wanted(settings: Sample, shape: tuple) -> int:
    """Number of samples in the picture: a grid of images, or a plot of up to 10,000 points."""
    is_picture = tuple(shape[-2:]) != (1, 1)
    return settings.grid_rows * settings.grid_columns if is_picture else 10_000
