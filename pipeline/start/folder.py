"""What a folder of pictures holds, and whether a GAN can be trained on it."""

import subprocess
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

from pipeline.errors import SourceError
from pipeline.sources import folder, own

FEWEST = 60  # pictures: a tenth of them tests, and the metrics compare 6 test images at least
FEWEST_OF_A_CLASS = 10  # so that training images of it are left when the test set is taken
COLOURS_LOOKED_AT = 50  # pictures in colour mode that are opened to see whether they are grey


@dataclass(frozen=True)
class Pictures:
    """A folder as `new` finds it."""

    path: str  # as the user wrote it
    count: int
    sizes: Counter[tuple[int, int]]  # (height, width) -> pictures
    channels: int  # 1 if all are grey, else 3
    classes: dict[str, int]  # sub-folder -> pictures; empty where there is one place only
    digest: str
    in_git: bool = False  # whether `git add --all` here takes them


def look(path: str) -> Pictures:
    """Every picture's size and colours. SourceError says what is wrong and what to do, if anything is."""
    where = Path(path)
    if where.is_file():
        raise SourceError(
            f"{path} is a file; name the folder that holds the pictures. Of a zip, npz or parquet file write the dataset "
            "as docs/data.md shows, and take the run of recipes/folder.yaml"
        )
    if not where.is_dir():
        raise SourceError(f"{path} is not there; name the folder that holds the pictures")
    files = folder.pictures(where, fewest=0)
    if len(files) < FEWEST:
        raise SourceError(
            f"{path} holds {len(files)} pictures ({', '.join(sorted(own.FORMATS))}); a GAN, and the "
            f"numbers that judge it, need {FEWEST} or more, and hundreds to be any good: add pictures"
        )
    found = folder.read_each(files, size_and_mode)
    sizes = Counter(size for size, _ in found)
    coloured = [
        file
        for file, (_, mode) in zip(files, found, strict=True)
        if not mode.startswith(("1", "L", "I", "F"))
    ]
    of_class = Counter(folder.class_of(file, where) for file in files)
    classes = dict(sorted(of_class.items())) if len(of_class) > 1 else {}
    for name, count in classes.items():
        if count < FEWEST_OF_A_CLASS:
            raise SourceError(
                f"{where / name} holds {count} pictures; sub-folders are classes, and a class needs "
                f"{FEWEST_OF_A_CLASS} or more: add some, move them elsewhere, or remove the folder"
            )
    channels = 3 if any(map(is_coloured, coloured[:COLOURS_LOOKED_AT])) else 1
    digest = folder.together(where, own.digests(files))
    return Pictures(path, len(files), sizes, channels, classes, digest, in_git(files[0]))


def size_and_mode(file: Path) -> tuple[tuple[int, int], str]:
    """((height, width), Pillow's mode) of an upright picture; any error of Pillow's if it is damaged anywhere."""
    from PIL import Image

    with Image.open(file) as picture:
        (width, height), mode = picture.size, picture.mode
        if picture.getexif().get(0x0112) in range(5, 9):  # it lies on its side
            width, height = height, width
        picture.draft(
            "RGB", (1, 1)
        )  # of a JPEG an eighth of the pixels: the whole file is read all the same
        picture.load()
        return (height, width), mode


def in_git(file: Path) -> bool:
    """Whether the file lies in this folder, which is a repository, and nothing says that Git is to ignore it."""
    if not file.resolve().is_relative_to(Path.cwd()):
        return False
    try:
        done = subprocess.run(["git", "check-ignore", "--quiet", file], capture_output=True)
    except OSError:
        return False
    return done.returncode == 1  # 0: ignored; 128: no repository


def is_coloured(file: Path) -> bool:
    """Whether any pixel of the picture differs between red, green and blue."""
    from PIL import Image, ImageChops

    with Image.open(file) as picture:
        red, green, blue = picture.convert("RGB").split()
    return any(ImageChops.difference(red, other).getbbox() for other in (green, blue))
