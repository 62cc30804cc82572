"""sample R: draw images from the trained generator."""

import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from pipeline import models
from pipeline.compute import devices
from pipeline.config.sample import Sample
from pipeline.evaluation.plots import grids
from pipeline.io import costs, machine
from pipeline.io.files import write_bytes
from pipeline.io.tensors import read_about, read_tensors
from pipeline.io.views import write_samples


@dataclass(frozen=True, kw_only=True)
class Paths:
    """The model to read, and files to write."""

    model: Path
    samples: Path
    views: Path  # a folder
    grid: Path
    costs: Path  # beside the model, under no digest


def run(settings: Sample, seed: int, threads: int, paths: Paths) -> None:
    """Write float32 [count, C, H, W] in [-1, 1], in shards if they are many, and a picture of the first.

    DataError if the model lacks the weights that `settings.weights` names.
    """
    devices.reproducible(threads)
    begun = time.monotonic()
    saved = models.saved(read_about(paths.model), read_tensors(paths.model), str(paths.model))
    wait = saved.wait_for_samples(settings.weights, settings.count, settings.batch_size)
    if wait is not None and wait.is_long:
        print(f"sample {paths.model.parent.name}: {wait}", file=sys.stderr)
    shape = saved.image_shape
    batches = saved.draw(
        settings.weights, settings.count, settings.batch_size, seed, settings.accepted
    )
    classes = saved.classes_asked_for
    count = wanted(settings, shape, classes)
    shown: list[Tensor] = []

    def blocks() -> Iterator[list[np.ndarray]]:
        for images in batches:
            if sum(map(len, shown)) < count:
                shown.append(images[0])
            yield [view.numpy() for view in images]

    whole = (settings.count, *shape)
    write_samples(paths.samples, paths.views, saved.main_view, saved.views, whole, blocks())
    first = torch.cat(shown)[:count].numpy()
    if classes:
        write_bytes(paths.grid, grids.classes(first, saved.class_names, settings.grid_columns))
    else:
        write_bytes(paths.grid, grids.grid(first, settings.grid_columns))
    seconds = time.monotonic() - begun
    costs.record(
        paths.costs,
        paths.model,
        sample_seconds=round(seconds, 1),
        sample_seconds_per_10000=round(seconds * 10_000 / settings.count, 1),  # all views of them
        sample_processor=machine.processor(),
    )


def wanted(settings: Sample, shape: tuple, classes: int) -> int:
    """Number of samples in the picture: a grid of images, or a plot of up to 10,000 points.

    `classes`: of a conditional G, each of which gets a row; 0 for any other.
    """
    is_picture = tuple(shape[-2:]) != (1, 1)
    return (classes or settings.grid_rows) * settings.grid_columns if is_picture else 10_000
