"""A folder of the user's own pictures; sub-folders, where there are any, are the labels."""

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TypeVar

import numpy as np

from pipeline.config.datasets import Folder
from pipeline.errors import SourceError
from pipeline.io.files import reading
from pipeline.sources import own
from pipeline.sources.raw import Raw

T = TypeVar("T")

DAMAGED_NAMED = 20  # of the pictures that cannot be read


def found(source: Folder) -> tuple[str, str]:
    """The digest of the pictures, and how many they are, in words."""
    files = pictures(Path(source.path))
    return own.digest(own.digests(files).values()), f"these {len(files):,} pictures"


def fetch(source: Folder, name: str) -> Raw:
    """Of the dataset `name`: every picture under the folder, upright, in one size and number of channels.

    The files with the smallest SHA-256 are the test set, so that renaming a file changes nothing.
    SourceError if the pictures' digest is not `source.digest`.
    """
    folder = Path(source.path)
    files = pictures(folder)
    digests = own.digests(files)
    whole = own.digest(digests.values())
    own.check_accepted(source, name, whole, f"{folder} holds {len(files):,} pictures")
    own.check_size(source, str(folder), (source.height, source.width), len(files))
    files.sort(key=digests.__getitem__)
    classes = sorted({file.parent for file in files})
    names = [str(parent.relative_to(folder)) for parent in classes] if len(classes) > 1 else []
    return Raw(
        images=np.stack(read_each(files, lambda file: read(file, source))),
        labels=np.array(
            [classes.index(file.parent) if names else -1 for file in files], dtype=np.int64
        ),
        split=own.split(files, source.test_share),
        class_names=tuple(names),
        provenance={"source": f"local folder {folder}", "digest": whole, "classes": names},
    )


def pictures(folder: Path, fewest: int = 2) -> list[Path]:
    """All picture files under `folder` but hidden ones; SourceError if there are fewer than `fewest`."""
    if not folder.is_dir():
        raise SourceError(
            f"{folder} is not a folder. Set the dataset's source.path in params.yaml to the folder of "
            "your pictures (from the project's folder, or absolute)"
        )
    files = [
        path
        for path in folder.rglob("*")
        if path.suffix.lower() in own.FORMATS and not path.name.startswith(".") and path.is_file()
    ]
    for parent in {file.parent for file in files}:
        if not own.is_text(str(parent)):
            raise SourceError(
                f"{str(parent).encode('utf-8', 'backslashreplace').decode()}: the name of this folder is no UTF-8, "
                "and names of folders become names of classes; rename it"
            )
    if len(files) < fewest:
        raise SourceError(
            f"{folder} holds {len(files)} pictures; formats are {', '.join(sorted(own.FORMATS))}"
        )
    return files


def read_each(files: Iterable[Path], read: Callable[[Path], T]) -> list[T]:
    """`read` of each file; if it fails on some, whatever it raises, one SourceError that names them all."""
    found, errors = [], {}
    for file in files:
        try:
            with reading(file, "picture", SourceError, "Repair it, or remove it from the folder"):
                found.append(read(file))
        except SourceError as error:
            errors[str(file)] = error
    if len(errors) == 1:
        raise next(iter(errors.values()))
    if errors:
        names = sorted(errors)[:DAMAGED_NAMED]
        more = len(errors) - len(names)
        raise SourceError(
            "\n  ".join(
                [
                    f"{len(errors):,} pictures cannot be read. Repair them, or remove them from the folder:",
                    *names,
                    *([f"and {more:,} more"] if more else []),
                ]
            )
        )
    return found


def read(path: Path, source: Folder) -> np.ndarray:
    """uint8 [H, W, C]: the first frame, rotated by its EXIF tag, transparency on white."""
    from PIL import Image, ImageOps

    with Image.open(path) as opened:
        picture = own.upright(opened, source.channels)
        size = (source.width, source.height)
        if source.resize == "crop":
            picture = ImageOps.fit(picture, size, Image.Resampling.LANCZOS)
        else:
            picture = picture.resize(size, Image.Resampling.LANCZOS)
    return np.asarray(picture).reshape(source.height, source.width, source.channels)
