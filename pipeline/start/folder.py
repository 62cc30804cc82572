"""What a folder of pictures holds, and whether a GAN can be trained on it."""

from collections import Counter
from pathlib import Path

from pipeline.errors import SourceError
from pipeline.sources import folder, own
from pipeline.start.pictures import (
    COLOURS_LOOKED_AT,
    FEWEST_OF_A_CLASS,
    Pictures,
    check_enough,
    in_git,
    is_coloured,
    is_grey,
    tenth,
    upright_size,
)


def look(path: str) -> Pictures:
    """Every picture's size and colours. SourceError says what is wrong and what to do, if anything is."""
    where = Path(path)
    if where.is_file():
        raise SourceError(
            f"{path} is a file; name the folder that holds the pictures, or give a zip, npz or parquet file by "
            f"--archive {path}"
        )
    if not where.is_dir():
        raise SourceError(f"{path} is not there; name the folder that holds the pictures")
    files = folder.pictures(where, fewest=0)
    check_enough(path, len(files), ", ".join(sorted(own.FORMATS)))
    found = folder.read_each(files, size_and_mode)
    sizes = Counter(size for size, _ in found)
    coloured = [file for file, (_, mode) in zip(files, found, strict=True) if not is_grey(mode)]
    of_class = Counter(folder.class_of(file, where) for file in files)
    classes = dict(sorted(of_class.items())) if len(of_class) > 1 else {}
    for name, count in classes.items():
        if count < FEWEST_OF_A_CLASS:
            raise SourceError(
                f"{where / name} holds {count} pictures; sub-folders are classes, and a class needs "
                f"{FEWEST_OF_A_CLASS} or more: add some, move them elsewhere, or remove the folder"
            )
    channels = 3 if any(map(has_colours, coloured[:COLOURS_LOOKED_AT])) else 1
    digest = folder.together(where, own.digests(files))
    count, tests = len(files), tenth(len(files))
    return Pictures(
        "folder", path, count, tests, sizes, channels, classes, digest, in_git(files[0])
    )


def size_and_mode(file: Path) -> tuple[tuple[int, int], str]:
    """((height, width), Pillow's mode) of an upright picture; any error of Pillow's if it is damaged anywhere."""
    from PIL import Image

    with Image.open(file) as picture:
        size, mode = upright_size(picture), picture.mode
        picture.draft(
            "RGB", (1, 1)
        )  # of a JPEG an eighth of the pixels: the whole file is read all the same
        picture.load()
        return size, mode


def has_colours(file: Path) -> bool:
    from PIL import Image

    with Image.open(file) as picture:
        return is_coloured(picture)
