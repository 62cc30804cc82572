"""Views: other ways to look at what one trained model draws, such as states beside means.

A folder with an index and an array of images for each view; without views it holds the index alone.
"""

import shutil
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from pipeline.errors import DataError
from pipeline.io.arrays import write_shards
from pipeline.io.files import read_json, write_json

INDEX = "index.json"


class Views(NamedTuple):
    """What the run's samples are themselves, None where nothing else is looked at, and the other views."""

    main: str | None
    paths: dict[str, Path]  # .npy of each further view; `read_shards` reads it


def write_samples(
    samples: Path,
    folder: Path,
    main: str | None,
    views: Sequence[str],
    shape: tuple[int, ...],
    blocks: Iterable[Sequence[np.ndarray]],
) -> None:
    """Write `samples` and `views` of them, float32 arrays of `shape`, in one pass, and the views' index last.

    `blocks`: rows of the samples, and the same rows of each view; `main`: what the samples are themselves.
    """
    shutil.rmtree(folder, ignore_errors=True)
    write_shards([samples, *(folder / f"{name}.npy" for name in views)], shape, blocks)
    write_json(folder / INDEX, {"main": main, "views": list(views)})


def read_views(folder: Path) -> Views:
    """The views that `write_samples` wrote. DataError if the index is missing or damaged."""
    index = read_json(folder / INDEX)
    names = index.get("views") if isinstance(index, dict) else None
    if not isinstance(names, list):
        raise DataError(f"{folder / INDEX}: lists no views. Draw the samples again: dvc repro")
    return Views(index["main"], {name: folder / f"{name}.npy" for name in names})
