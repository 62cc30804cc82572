"""What a zip, npz or parquet file of pictures holds, and whether a GAN can be trained on it.

Its first pictures say their size and whether they have colours. Then the source itself reads the file, so what is wrong
with a picture or a label is said in the source's words.
"""

import io
import zipfile
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np

from pipeline.config.datasets import LARGEST_SIDE, SMALLEST_SIDE, Npz, OwnImages, Parquet, Zip
from pipeline.errors import SourceError
from pipeline.io.files import reading
from pipeline.sources import npz, parquet, zipped
from pipeline.sources.raw import TEST, Raw
from pipeline.start.pictures import (
    COLOURS_LOOKED_AT,
    FEWEST_OF_A_CLASS,
    Pictures,
    check_enough,
    in_git,
    is_coloured,
    is_grey,
)

Shape = tuple[int, int, int]  # height, width, channels


def look(path: str) -> Pictures:
    """The pictures' size, colours and classes. SourceError says what is wrong and what to do, if anything is."""
    where = Path(path)
    name = "parquet" if where.is_dir() else where.suffix.lower().removeprefix(".")
    if name not in KINDS:
        raise SourceError(
            f"{path}: expected a file that ends in .zip, .npz or .parquet, or a folder of parquet files; a folder "
            f"of pictures is given by --folder {path}"
        )
    kind = KINDS[name]
    if not where.exists():
        raise SourceError(f"{path} is not there; name the file that holds the pictures")
    height, width, channels = kind.shape(where)
    if not SMALLEST_SIDE <= min(height, width) <= max(height, width) <= LARGEST_SIDE:
        raise SourceError(
            f"{path} holds pictures of {height} x {width} pixels; {SMALLEST_SIDE} to {LARGEST_SIDE} a side are "
            "taken. Resize them first, or give them as a folder of pictures with --size 32"
        )
    settings = kind.settings.model_validate(
        {"name": name, "path": path, "height": height, "width": width, "channels": channels}
    )
    digest, _ = kind.found(settings)
    raw = kind.fetch(settings.model_copy(update={"digest": digest}), name)
    count = len(raw.images)
    check_enough(path, count, f"in one {name} file")
    sizes = Counter({(height, width): count})
    classes = classes_of(path, raw)
    tests = int((raw.split == TEST).sum())  # a tenth, or as names of files say
    return Pictures(name, path, count, tests, sizes, channels, classes, digest, in_git(where))


def classes_of(path: str, raw: Raw) -> dict[str, int]:
    """Pictures of each class; empty where there is one only. SourceError for a class of too few."""
    counts = np.bincount(raw.labels[raw.labels >= 0])
    if np.count_nonzero(counts) < 2:
        return {}
    few = np.flatnonzero(counts < FEWEST_OF_A_CLASS)
    if len(few):
        raise SourceError(
            f"{path} holds {counts[few[0]]} pictures of the class {few[0]}, and a class needs {FEWEST_OF_A_CLASS} or "
            "more (they are numbered from 0 without gaps): add some, or leave all labels out"
        )
    return {str(label): int(count) for label, count in enumerate(counts)}


def shape_of_zip(path: Path) -> Shape:
    """Of the pictures in a zip, by the first of them."""
    with reading(path, "zip archive", SourceError, zipped.NEXT), zipfile.ZipFile(path) as opened:
        names = zipped.pictures(path, opened)
        return shape_of(path, (opened.read(name) for name in names))


def shape_of_npz(path: Path) -> Shape:
    """Of the images in a .npz, from the header of their array."""
    with reading(path, ".npz archive", SourceError, npz.NEXT):
        shapes = npz.headers(path)
    shape = next((shapes[key][0] for key in npz.KEYS if key in shapes), ())
    if len(shape) not in (3, 4) or shape[3:] not in ((), (1,), (3,)):
        raise SourceError(
            f"{path}: expected images [N, H, W] or [N, H, W, 1 or 3], got {list(shape)}. {npz.NEXT}"
        )
    return shape[1], shape[2], (*shape, 1)[3]


def shape_of_parquet(path: Path) -> Shape:
    """Of the pictures in parquet files, by the first of them."""
    settings = Parquet(name="parquet", path=str(path), height=SMALLEST_SIDE, width=SMALLEST_SIDE)
    file = parquet.files_of(settings)[0]
    opened = parquet.open_file(file)
    if settings.image_column not in opened.schema_arrow.names:
        raise SourceError(
            f"{file}: has no column {settings.image_column!r}, but {opened.schema_arrow.names}; write the dataset by "
            "hand, with image_column, as docs/data.md shows"
        )
    with reading(file, "parquet file", SourceError, parquet.NEXT):
        batch = next(opened.iter_batches(COLOURS_LOOKED_AT, columns=[settings.image_column]), None)
        rows = [] if batch is None else [row[settings.image_column] for row in batch.to_pylist()]
    return shape_of(file, [row["bytes"] if isinstance(row, dict) else row for row in rows])


def shape_of(path: Path, pictures: Iterable[bytes]) -> Shape:
    """Of files of pictures: the size of the first, and 3 channels if one of the first has colours."""
    from PIL import Image

    size, channels = None, 1
    for content in islice(pictures, COLOURS_LOOKED_AT):
        with (
            reading(path, "file of pictures", SourceError, "Repair it, or leave the picture out"),
            Image.open(io.BytesIO(content)) as opened,
        ):
            size = size or (opened.height, opened.width)
            too_large = opened.height * opened.width > LARGEST_SIDE**2
            if not too_large and not is_grey(opened.mode) and is_coloured(opened):
                channels = 3
    if size is None:
        raise SourceError(f"{path} holds no pictures")
    return (*size, channels)


@dataclass(frozen=True)
class Kind:
    """How a source of one file is looked at."""

    settings: type[OwnImages]
    shape: Callable[[Path], Shape]
    found: Callable[[Any], tuple[str, str]]  # digest, and what it is of
    fetch: Callable[[Any, str], Raw]


KINDS = {
    "zip": Kind(Zip, shape_of_zip, zipped.found, zipped.fetch),
    "npz": Kind(Npz, shape_of_npz, npz.found, npz.fetch),
    "parquet": Kind(Parquet, shape_of_parquet, parquet.found, parquet.fetch),
}
