"""What the sources of a user's own images share: a digest to accept, an order, test images, one size."""

import hashlib
import io
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from pipeline.config.datasets import OwnImages
from pipeline.errors import SourceError
from pipeline.io.files import reading
from pipeline.sources.raw import TEST, TRAIN

FORMATS = {".png", ".jpg", ".jpeg", ".webp", ".bmp", ".gif", ".tif", ".tiff", ".pgm", ".ppm"}
# of what is unpacked, so that a hostile file ends early
LARGEST_FILE_BYTES = 2**26
LARGEST_DATASET_BYTES = 2**35


def existing_file(path: Path, what: str) -> Path:
    """`path`; SourceError if it is no file."""
    if not path.is_file():
        raise SourceError(
            f"{path} is no file. Set the dataset's source.path in params.yaml to your {what} (from the "
            "project's folder, or absolute)"
        )
    return path


def sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def is_text(name: str) -> bool:
    """Whether a name on disk is UTF-8; Python keeps the bytes of others as halves of characters."""
    try:
        name.encode()
    except UnicodeEncodeError:
        return False
    return True


def digests(files: Iterable[Path]) -> dict[Path, str]:
    """SHA-256 of each file."""
    return {file: sha256(file) for file in files}


def digest(of_files: Iterable[str]) -> str:
    """16 hex digits from the SHA-256 of every file, whatever their order."""
    return hashlib.sha256("\n".join(sorted(of_files)).encode()).hexdigest()[:16]


def check_accepted(source: OwnImages, name: str, found: str, what: str) -> None:
    """SourceError, with the next command, unless the digest `found` is the one in params.yaml.

    `what`: the images found, such as "cats holds 80 pictures".
    """
    if found != source.digest:
        raise SourceError(
            f"{what} with the digest {found}, but params.yaml asks for {source.digest or 'none yet'}. If these "
            f"are the pictures that you mean, next:\n  python -m pipeline download {name} --accept"
        )


def split(images: Sequence[Any], test_share: float) -> np.ndarray:
    """uint8 [N] for images in the order of their digests: the first are the test set, so that neither a name nor
    a place in the file counts."""
    parts = np.full(len(images), TRAIN, np.uint8)
    parts[: max(1, round(test_share * len(images)))] = TEST
    return parts


def check_size(source: OwnImages, where: str, shape: Sequence[int], count: int = 1) -> None:
    """SourceError unless `shape` (height, width) is that of params.yaml, and `count` such images can be held."""
    if tuple(shape) != (source.height, source.width):
        raise SourceError(
            f"{where} has {shape[0]} x {shape[1]} pixels, but params.yaml says {source.height} x {source.width} "
            "(source.height and width), and all must be of one size; a folder of pictures is resized "
            "(source.name: folder)"
        )
    if count * source.height * source.width * source.channels > LARGEST_DATASET_BYTES:
        raise SourceError(
            f"{where}: {count:,} images of {source.height} x {source.width} take more than "
            f"{LARGEST_DATASET_BYTES >> 30} GiB; take fewer, or smaller ones"
        )


def decode(content: bytes, source: OwnImages, where: str) -> np.ndarray:
    """uint8 [H, W, C] of the bytes of a picture, whose size is checked before its pixels are decoded."""
    from PIL import Image

    with (
        reading(Path(where), "picture", SourceError, "Repair it, or leave it out"),
        Image.open(io.BytesIO(content)) as opened,
    ):
        width, height = opened.size
        if width * height > source.width * source.height:
            check_size(source, where, (height, width))
        picture = upright(opened, source.channels)
    check_size(source, where, picture.size[::-1])
    return np.asarray(picture).reshape(source.height, source.width, source.channels)


def upright(opened: Any, channels: int) -> Any:
    """A PIL picture as L or RGB of 8 bits: rotated by its EXIF tag, transparency on white, 16 bits and floats scaled.

    White is 255, or 65,535 if a pixel is above that; of floats 1 if none is above. ValueError for other pixels.
    """
    from PIL import Image, ImageOps

    picture = ImageOps.exif_transpose(opened)
    if picture.mode.startswith("I") or picture.mode == "F":  # 16 bits and more
        deep = np.asarray(picture, dtype=np.float64)
        if not (np.isfinite(deep).all() and deep.min() >= 0):
            raise ValueError("it holds negative, infinite or NaN pixels")
        whites = (1, 255, 65535) if picture.mode == "F" else (255, 65535)
        if deep.max() > whites[-1]:
            raise ValueError(f"it holds pixels of {deep.max():.6g}, and white is 65535 at most")
        top = next(white for white in whites if deep.max() <= white)
        picture = Image.fromarray(np.round(deep / top * 255).astype(np.uint8))
    if "A" in picture.getbands() or "transparency" in picture.info:
        picture = picture.convert("RGBA")
        picture = Image.alpha_composite(Image.new("RGBA", picture.size, "white"), picture)
    return picture.convert("L" if channels == 1 else "RGB")


def labels_of(path: Path, found: Iterable[Any], count: int) -> np.ndarray:
    """int64 [N]; SourceError unless every one of `found` is an integer from 0 to below the number of images."""
    labels = list(found)
    wrong = [label for label in labels if not is_class(label, count)]
    if wrong or len(labels) != count:
        said = f"{str(wrong[0])[:40]!r}" if wrong else f"{len(labels):,} labels"
        raise SourceError(
            f"{path}: {said} for {count:,} images; each needs one label, an integer from 0 to {count - 1:,}, or none "
            "of them"
        )
    return np.array(labels, np.int64)


def is_class(label: Any, count: int) -> bool:
    whole = isinstance(label, int | np.integer) and not isinstance(label, bool)
    return whole and 0 <= label < count


def enough(path: Path, count: int, what: str) -> None:
    """SourceError for fewer than two images, of which one tests."""
    if count < 2:
        raise SourceError(f"{path} holds {count} {what}; two at least are needed, one to test")


def in_order(digests: Sequence[str]) -> list[int]:
    """Indices, smallest digest first."""
    return sorted(range(len(digests)), key=digests.__getitem__)
