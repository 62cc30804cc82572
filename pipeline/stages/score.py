"""score: the Parzen evaluation of any arrays; not a stage of the DAG."""

import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from pipeline.config.parzen import Parzen
from pipeline.errors import DataError
from pipeline.io.arrays import Rows
from pipeline.io.files import write_json
from pipeline.stages.parzen import Pixels, evaluate, say

LEAST_SHARE = 50  # one in so many of the range: images in [0, 1] beside 0 to 255 span less


@dataclass(frozen=True)
class Files:
    """The .npy files to read, each of images [N, ...] of one size."""

    samples: list[Path]  # parts of one array
    valid: Path
    test: Path
    real: Path | None


def run(files: Files, pixel_range: tuple[float, float], settings: Parzen, out: Path | None) -> None:
    """Print parzen.json's content on stdout, and write it to `out` if given.

    `pixel_range`: lowest and highest pixel value of all files. DataError unless it fits them and all images
    have one size.
    """
    low, high = pixel_range
    if not (np.isfinite(low) and np.isfinite(high) and low < high):
        raise DataError(f"--range {low:g} {high:g}: both must be finite, and HIGH above LOW")
    samples = read_pixels(files.samples, pixel_range)
    others = {path: read_pixels([path], pixel_range) for path in (files.valid, files.test)}
    if files.real:
        others[files.real] = read_pixels([files.real], pixel_range)
    for path, other in others.items():
        shapes = [image_shape(pixels) for pixels in (other, samples)]
        if min(map(len, shapes)) > 1 and shapes[0] != shapes[1]:
            raise DataError(
                f"{path} has images {list(other.array.shape[1:])}, but {files.samples[0]} has "
                f"{list(samples.array.shape[1:])}; bring all to one order of axes, [N, C, H, W] say: pixels "
                "are compared one by one"
            )
        if values(other) != values(samples):
            raise DataError(
                f"{path} has {values(other):,} values per image, but {files.samples[0]} has "
                f"{values(samples):,}; both must hold images of one size, [N, ...]"
            )
    tensors = {path: pixels.tensor() for path, pixels in others.items()}
    real = tensors[files.real] if files.real else tensors[files.test][:0]
    result = evaluate(settings, samples, tensors[files.valid], tensors[files.test], real)
    say("parzen", result)
    if out is not None:
        write_json(out, result)
    print(json.dumps(result, indent=2))


def values(pixels: Pixels) -> int:
    """Numbers per image."""
    return int(np.prod(pixels.array.shape[1:]))


def image_shape(pixels: Pixels) -> tuple[int, ...]:
    """Of one image, without axes of length 1."""
    return tuple(size for size in pixels.array.shape[1:] if size > 1)


def measurable(dtype: np.dtype) -> bool:
    """Whether PyTorch computes with such numbers: real, of at most 8 bytes."""
    return dtype.kind in "iuf" and dtype.itemsize <= 8


def read_pixels(paths: list[Path], pixel_range: tuple[float, float]) -> Pixels:
    """Images in `pixel_range`, left in their files; DataError for anything else."""
    for each in paths:
        if not each.is_file():
            raise DataError(f"{each} is not there; name a .npy file (numpy.save) of images")
    array, path = Rows(*paths), ", ".join(map(str, paths))
    if len(array.shape) < 2 or 0 in array.shape or not measurable(array.dtype):
        raise DataError(
            f"{path}: expected real numbers of shape [N, ...] with N > 0, of at most 8 bytes each, got "
            f"{array.dtype} {list(array.shape)}"
        )
    low, high = pixel_range
    pixels = Pixels(array, low, high)
    smallest, largest = pixels.extent()
    if not (np.isfinite(smallest) and np.isfinite(largest)):
        raise DataError(f"{path}: holds NaN or infinite values; nothing can be measured on them")
    tolerance = 1e-6 * (high - low)
    if smallest < low - tolerance or largest > high + tolerance:
        raise DataError(
            f"{path}: pixels span {smallest:g} to {largest:g}, expected {low:g} to {high:g}. "
            f"Give the range they are meant to have, such as --range -1 1 or --range 0 255; "
            "a wrong one shifts the result by hundreds of nats."
        )
    if smallest < largest and largest - smallest < (high - low) / LEAST_SHARE:
        raise DataError(
            f"{path}: pixels span only {smallest:g} to {largest:g} of the range {low:g} to {high:g}; all files "
            "must be in one range. Bring them to it, or give the one they have with --range"
        )
    return pixels
