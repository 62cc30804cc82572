"""score --dataset D: every measure of anybody's images, beside those of a dataset of this project."""

import json
import math
import sys
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from pipeline import paths
from pipeline.config.parzen import Parzen
from pipeline.errors import DataError, RequestError
from pipeline.evaluation.real_data import chosen_rows, to_unit
from pipeline.io.files import write_json
from pipeline.io.tensors import read_about, read_tensors
from pipeline.stages import metrics, parzen
from pipeline.stages.score import read_pixels
from pipeline.use import inception

# Shapes: images are NCHW.


def run(
    dataset: str,
    samples: list[Path],
    pixel_range: tuple[float, float],
    settings: Parzen,
    weights: Path | None,
    out: Path | None,
) -> None:
    """Print parzen.json's content with that of metrics.json under `metrics`, and write it to `out` if given.

    With `weights`, the file of torch-fidelity's Inception net, also what that says, under `inception`. `samples`: .npy
    files, parts of one array; `pixel_range`: lowest and highest pixel value of them. DataError unless they are
    images like the dataset's, and the dataset's extractor is of its data.
    """
    files = paths.Dataset(dataset)
    names = [f"{part}_{what}" for part in ("train", "test") for what in ("images", "labels")]
    parts = read_tensors(files.normalized, [*names, "valid_images"])
    if "gcn" in read_about(files.normalized):
        raise RequestError(
            f"dataset {dataset} is contrast-normalised, so images of a range cannot be compared with its; take "
            "a dataset without normalize.gcn"
        )
    test = parts["test_images"]
    about, extractor = metrics.read_extractor(files.extractor, dataset, test)
    images = read_images(samples, pixel_range, tuple(test.shape[1:]), dataset)
    net = None if weights is None else inception.load(weights, tuple(test.shape[1:]))
    measured = metrics.evaluate(images[: metrics.MOST], parts, about, extractor)
    for warning in measured["warnings"]:
        print(f"metrics: warning: {warning}", file=sys.stderr)
    train = parts["train_images"]
    result = parzen.evaluate(
        settings,
        parzen.Pixels(images.numpy()),
        to_unit(parts["valid_images"][: settings.validation_images]),
        to_unit(test),
        to_unit(train[chosen_rows(len(train), settings.real_data_images)]),
    )
    parzen.say("parzen", result)
    result |= {"dataset": dataset, "metrics": measured}
    if net is not None:
        result["inception"] = inception.compare(net, images, train)
    if out is not None:
        write_json(out, result)
    print(json.dumps(result, indent=2))


def read_images(
    files: list[Path], pixel_range: tuple[float, float], shape: tuple[int, ...], dataset: str
) -> Tensor:
    """float32 [N, C, H, W] in [-1, 1]; `shape`: C, H, W of the dataset's images.

    Colours may stand last; an axis of length 1 may be missing; or all axes but the first may be one, in the
    order C, H, W. DataError for anything else.
    """
    low, high = pixel_range
    if not (np.isfinite(low) and np.isfinite(high) and low < high):
        raise DataError(f"--range {low:g} {high:g}: both must be finite, and HIGH above LOW")
    array = read_pixels(files, pixel_range).array
    found = tuple(array.shape[1:])
    last = (*shape[1:], shape[0])
    if found == last and found != shape:
        images = np.moveaxis(array[:], -1, 1)
    elif found == (math.prod(shape),) or squeezed(found) == squeezed(shape):
        images = array[:].reshape(-1, *shape)
    else:
        raise DataError(
            f"{files[0]}: images of shape {list(found)}, but those of {dataset} are {list(shape)} (or "
            f"{list(last)}, or flat: {math.prod(shape)} numbers)"
        )
    scaled = (images.astype(np.float64) - low) / (high - low) * 2 - 1
    return torch.from_numpy(np.ascontiguousarray(scaled, np.float32))


def squeezed(shape: tuple[int, ...]) -> tuple[int, ...]:
    return tuple(size for size in shape if size > 1)
