"""What a zip, npz or parquet file of pictures holds, and whether a GAN can be trained on it.

Its pictures say their size and whether they have colours. Then the source itself reads the file, so what is wrong with a
label or inside a picture is said in the source's words.
"""

import io
import zipfile
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from pipeline.config.datasets import LARGEST_SIDE, SMALLEST_SIDE, Npz, OwnImages, Parquet, Zip
from pipeline.errors import SourceError
from pipeline.io.files import reading
from pipeline.sources import npz, own, parquet, zipped
from pipeline.sources.raw import TEST, Raw
from pipeline.start.pictures import (
    COLOURS_LOOKED_AT,
    FEWEST_OF_A_CLASS,
    Pictures,
    check_enough,
    in_git,
    is_coloured,
    is_grey,
    upright_size,
)

Shape = tuple[int, int, int]  # height, width, channels
Picture = tuple[str, bytes]  # where it is, in words, and its file


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
    if not own.is_text(path):
        raise SourceError(
            f"{path!r}: the name is no UTF-8, and params.yaml has to hold it; rename it"
        )
    if where.is_dir() and not any(where.rglob("*.parquet")):
        raise SourceError(
            f"{path} is a folder without parquet files (*.parquet); a folder of pictures is given by --folder {path}"
        )
    height, width, channels = kind.shape(where)
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
    """Of the pictures in a zip."""
    with reading(path, "zip archive", SourceError, zipped.NEXT), zipfile.ZipFile(path) as opened:
        names = zipped.pictures(path, opened)
        return shape_of(path, ((f"{path}: {name}", opened.read(name)) for name in names))


def shape_of_npz(path: Path) -> Shape:
    """Of the images in a .npz, from the header of their array."""
    with reading(path, ".npz archive", SourceError, npz.NEXT):
        shapes = npz.headers(path)
    key = next((key for key in npz.KEYS if key in shapes), None)
    if key is None:
        raise SourceError(
            f"{path}: holds {sorted(shapes)}, but neither 'images' nor 'arr_0'. {npz.NEXT}"
        )
    shape = shapes[key][0]
    if len(shape) not in (3, 4) or shape[3:] not in ((), (1,), (3,)):
        raise SourceError(
            f"{path}: expected images [N, H, W] or [N, H, W, 1 or 3], got {list(shape)}. {npz.NEXT}"
        )
    check_sides(path, shape[1], shape[2])
    return shape[1], shape[2], (*shape, 1)[3]


def shape_of_parquet(path: Path) -> Shape:
    """Of the pictures in a parquet file, or in all of a folder."""
    settings = Parquet(name="parquet", path=str(path), height=SMALLEST_SIDE, width=SMALLEST_SIDE)
    return shape_of(path, rows_of_parquet(parquet.files_of(settings), settings.image_column))


def rows_of_parquet(files: list[Path], column: str) -> Iterator[Picture]:
    for file in files:
        opened = parquet.open_file(file)
        if column not in opened.schema_arrow.names:
            raise SourceError(
                f"{file}: has no column {column!r}, but {opened.schema_arrow.names}; write the dataset by "
                "hand, with image_column, as docs/data.md shows"
            )
        done = 0
        with reading(file, "parquet file", SourceError, parquet.NEXT):
            for batch in opened.iter_batches(parquet.ROWS, columns=[column]):
                for number, row in enumerate(batch.to_pylist(), done):
                    found = row[column]
                    content = found.get("bytes") if isinstance(found, dict) else found
                    if not isinstance(content, bytes):
                        raise SourceError(
                            f"{file}: row {number:,}: {column!r} holds no bytes of a picture; with the `datasets` "
                            "library, embed them: to_parquet does"
                        )
                    yield f"{file}: row {number:,}", content
                done += batch.num_rows


def shape_of(path: Path, pictures: Iterable[Picture]) -> Shape:
    """Of files of pictures: the size that all have, upright, and 3 channels if one of the first in colour mode has
    colours."""
    from PIL import Image

    first, size, channels, looked_at = "", None, 1, 0
    for where, content in pictures:
        with (
            reading(Path(where), "picture", SourceError, "Repair it, or leave it out"),
            Image.open(io.BytesIO(content)) as opened,
        ):
            if size is None:
                check_sides(path, opened.height, opened.width)
                first, size = where, upright_size(opened)
            found = opened.size[::-1]
            if sorted(found) == sorted(size):  # else no more of it is read
                found = upright_size(opened)
            if found != size:
                raise SourceError(
                    f"{where} has {found[0]} x {found[1]} pixels, and {first} {size[0]} x {size[1]}: all "
                    "must be of one size. Resize them first, or give them as a folder of pictures with --size 32"
                )
            if channels == 1 and looked_at < COLOURS_LOOKED_AT and not is_grey(opened.mode):
                looked_at += 1
                channels = 3 if is_coloured(opened) else 1
    if size is None:
        raise SourceError(f"{path} holds no pictures")
    return (*size, channels)


def check_sides(path: Path, height: int, width: int) -> None:
    """SourceError for pictures that are too small or too large."""
    if not SMALLEST_SIDE <= min(height, width) <= max(height, width) <= LARGEST_SIDE:
        raise SourceError(
            f"{path} holds pictures of {height} x {width} pixels; {SMALLEST_SIDE} to {LARGEST_SIDE} a side are "
            "taken. Resize them first, or give them as a folder of pictures with --size 32"
        )


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
