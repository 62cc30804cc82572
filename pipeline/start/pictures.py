"""What `new` has to know of a user's pictures, wherever they lie."""

import subprocess
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pipeline.errors import SourceError

FEWEST_TO_TEST = 6  # pictures, for each of which precision and recall take 5 neighbours
FEWEST = 60  # pictures: a tenth of them tests
FEWEST_OF_A_CLASS = 10  # so that training images of it are left when the test set is taken
COLOURS_LOOKED_AT = 50  # pictures in colour mode that are opened to see whether they are grey


@dataclass(frozen=True)
class Pictures:
    """A folder or file of pictures as `new` finds it."""

    source: str  # folder, zip, npz or parquet
    path: str  # as the user wrote it
    count: int
    test: int  # of which so many test
    sizes: Counter[tuple[int, int]]  # (height, width) -> pictures
    channels: int  # 1 if all are grey, else 3
    classes: dict[str, int]  # name -> pictures; empty where there is one only
    digest: str
    in_git: bool = False  # whether `git add --all` here takes them

    @property
    def are_resized(self) -> bool:
        """Whether they can be brought to another size: those in one file are taken as they are."""
        return self.source == "folder"


def tenth(count: int) -> int:
    """How many of `count` pictures test, where nothing else says so, and how many validate."""
    return max(FEWEST_TO_TEST, round(0.1 * count))


def check_enough(path: str, count: int, kinds: str) -> None:
    """SourceError for too few pictures; `kinds`: what was counted, such as png, jpg."""
    if count < FEWEST:
        raise SourceError(
            f"{path} holds {count} pictures ({kinds}); a GAN, and the "
            f"numbers that judge it, need {FEWEST} or more, and hundreds to be any good: add pictures"
        )


def is_grey(mode: str) -> bool:
    """Of Pillow's modes those that have no colours."""
    return mode.startswith(("1", "L", "I", "F"))


def upright_size(opened: Any) -> tuple[int, int]:
    """(height, width) of an opened picture when it is turned as its EXIF tag says."""
    width, height = opened.size
    if height != width and opened.getexif().get(0x0112) in range(5, 9):  # it lies on its side
        width, height = height, width
    return height, width


def is_coloured(picture: Any) -> bool:
    """Whether any pixel of an opened picture differs between red, green and blue."""
    from PIL import ImageChops

    red, green, blue = picture.convert("RGB").split()
    return any(ImageChops.difference(red, other).getbbox() for other in (green, blue))


def in_git(file: Path) -> bool:
    """Whether the file lies in this folder, which is a repository, and nothing says that Git is to ignore it."""
    if not file.resolve().is_relative_to(Path.cwd()):
        return False
    try:
        done = subprocess.run(["git", "check-ignore", "--quiet", file], capture_output=True)
    except OSError:
        return False
    return done.returncode == 1  # 0: ignored; 128: no repository
