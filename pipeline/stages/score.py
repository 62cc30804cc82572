"""score: the Parzen evaluation on anybody's arrays; not a stage of the DAG."""

import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from pipeline.config.parzen import Parzen
from pipeline.errors import DataError
from pipeline.files import read_array, write_json
from pipeline.stages.parzen import evaluate


@dataclass(frozen=True)
class Files:
    samples: Path
    valid: Path
    test: Path
    real: Path | None


def run(files: Files, pixel_range: tuple[float, float], settings: Parzen, out: Path | None) -> None:
    """Print parzen.json's content on stdout (and write it to `out`)."""
    if pixel_range[1] <= pixel_range[0]:
        raise DataError(f"--range {pixel_range[0]:g} {pixel_range[1]:g}: HIGH must be above LOW")
    samples = read_pixels(files.samples, pixel_range)
    valid, test = read_pixels(files.valid, pixel_range), read_pixels(files.test, pixel_range)
    real = read_pixels(files.real, pixel_range) if files.real else samples[:0]
    for path, other in ((files.valid, valid), (files.test, test), (files.real, real)):
        if other.shape[1] != samples.shape[1]:
            raise DataError(
                f"{path} has {other.shape[1]:,} values per image, but {files.samples} has "
                f"{samples.shape[1]:,}; both must hold images of one size, [N, ...]"
            )
    result = evaluate(settings, samples, valid, test, real)
    if out is not None:
        write_json(out, result)
    print(json.dumps(result, indent=2))


def read_pixels(path: Path, pixel_range: tuple[float, float]) -> Tensor:
    """[N, D] in [0, 1] from numbers in `pixel_range`; DataError for anything else."""
    array = read_array(path)
    if array.ndim < 2 or len(array) == 0 or not np.issubdtype(array.dtype, np.number):
        raise DataError(
            f"{path}: expected numbers of shape [N, ...] with N > 0, got {array.dtype} {list(array.shape)}"
        )
    low, high = pixel_range
    smallest, largest = float(array.min()), float(array.max())
    if not (np.isfinite(smallest) and np.isfinite(largest)):
        raise DataError(f"{path}: holds NaN or infinite values; nothing can be measured on them")
    tolerance = 1e-6 * (high - low)
    if smallest < low - tolerance or largest > high + tolerance:
        raise DataError(
            f"{path}: pixels span {smallest:g} to {largest:g}, expected {low:g} to {high:g}. "
            f"Give the range they are meant to have, such as --range -1 1 or --range 0 255; "
            "a wrong one shifts the result by hundreds of nats."
        )
    pixels = torch.from_numpy(np.array(array, dtype=np.float64)).flatten(1)
    return (pixels - low) / (high - low)
