"""A folder of the user's own pictures; sub-folders, where there are any, are the labels."""

import os
from collections.abc import Callable, Iterable, Iterator
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
    return together(Path(source.path), own.digests(files)), f"these {len(files):,} pictures"


def together(folder: Path, digests: dict[Path, str]) -> str:
    """One digest of all pictures; of two or more classes their names count, because they say which picture is what."""
    if len({file.parent for file in digests}) < 2:
        return own.digest(digests.values())
    return own.digest(f"{class_of(file, folder)} {found}" for file, found in digests.items())


def class_of(file: Path, folder: Path) -> str:
    return file.parent.relative_to(folder).as_posix()


def fetch(source: Folder, name: str) -> Raw:
    """Of the dataset `name`: every picture under the folder, upright, in one size and number of channels.

    The files with the smallest SHA-256 are the test set, so that renaming a file changes nothing.
    SourceError if the pictures' digest is not `source.digest`.
    """
    folder = Path(source.path)
    files = pictures(folder)
    digests = own.digests(files)
    whole = together(folder, digests)
    own.check_accepted(source, name, whole, f"{folder} holds {len(files):,} pictures")
    own.check_size(source, str(folder), (source.height, source.width), len(files))
    # a picture that is in two classes comes in the order of their names, not in that of the disk
    files.sort(key=lambda file: (digests[file], class_of(file, folder)))
    classes = sorted({class_of(file, folder) for file in files})
    names = classes if len(classes) > 1 else []
    return Raw(
        images=np.stack(read_each(files, lambda file: read(file, source))),
        labels=np.array(
            [classes.index(class_of(file, folder)) if names else -1 for file in files],
            dtype=np.int64,
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
        path for path in visible(folder) if path.suffix.lower() in own.FORMATS and path.is_file()
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


def visible(folder: Path) -> Iterator[Path]:
    """What is in `folder` and below, but not what is hidden, nor in a hidden folder. A link to a folder elsewhere is
    followed, each such folder once; of one to a folder in here the pictures are there already."""
    inside, seen = folder.resolve(), set[Path]()
    for root, folders, files in os.walk(folder, followlinks=True):
        here = Path(root)
        yield from (here / name for name in files if not name.startswith("."))
        below = []
        for name in sorted(folders):
            real = (here / name).resolve()
            again = real in seen or ((here / name).is_symlink() and real.is_relative_to(inside))
            if not name.startswith(".") and not again:
                seen.add(real)
                below.append(name)
        folders[:] = below


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
