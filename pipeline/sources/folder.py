"""A folder of the user's own pictures; sub-folders, where there are any, are the labels."""

import hashlib
from collections.abc import Iterable
from pathlib import Path

import numpy as np

from pipeline.config.datasets import Folder
from pipeline.errors import SourceError
from pipeline.io.files import reading
from pipeline.sources.raw import TEST, TRAIN, Raw

FORMATS = {".png", ".jpg", ".jpeg", ".webp", ".bmp", ".gif", ".tif", ".tiff", ".pgm", ".ppm"}


def fetch(source: Folder, name: str) -> Raw:
    """Of the dataset `name`: every picture under the folder, upright, in one size and number of channels.

    The files with the smallest SHA-256 are the test set, so that renaming a file changes nothing.
    SourceError if the pictures' digest is not `source.digest`.
    """
    folder = Path(source.path)
    files = pictures(folder)
    found = digests(files)
    whole = digest(found.values())
    if whole != source.digest:
        raise SourceError(
            f"{folder} holds {len(files):,} pictures with the digest {whole}, but params.yaml asks for "
            f"{source.digest or 'none yet'}. If these are the pictures that you mean, next:\n"
            f"  python -m pipeline download {name} --accept"
        )
    files.sort(key=found.__getitem__)
    split = np.full(len(files), TRAIN, np.uint8)
    split[: max(1, round(source.test_share * len(files)))] = TEST
    classes = sorted({file.parent for file in files})
    names = [str(parent.relative_to(folder)) for parent in classes] if len(classes) > 1 else []
    return Raw(
        images=np.stack([read(file, source) for file in files]),
        labels=np.array(
            [classes.index(file.parent) if names else -1 for file in files], dtype=np.int64
        ),
        split=split,
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
        if path.suffix.lower() in FORMATS and not path.name.startswith(".") and path.is_file()
    ]
    if len(files) < fewest:
        raise SourceError(
            f"{folder} holds {len(files)} pictures; formats are {', '.join(sorted(FORMATS))}"
        )
    return files


def digests(files: list[Path]) -> dict[Path, str]:
    """SHA-256 of each file."""
    return {file: hashlib.sha256(file.read_bytes()).hexdigest() for file in files}


def digest(of_files: Iterable[str]) -> str:
    """16 hex digits from the SHA-256 of every file, independent of names and order."""
    return hashlib.sha256("\n".join(sorted(of_files)).encode()).hexdigest()[:16]


def read(path: Path, source: Folder) -> np.ndarray:
    """uint8 [H, W, C]: the first frame, rotated by its EXIF tag, transparency on white."""
    from PIL import Image, ImageOps

    with (
        reading(path, "picture", SourceError, "Repair it, or remove it from the folder"),
        Image.open(path) as opened,
    ):
        picture = ImageOps.exif_transpose(opened)
        if picture.mode.startswith("I") or picture.mode == "F":  # 16 bits and more
            deep = np.asarray(picture, dtype=np.float64)
            if not (np.isfinite(deep).all() and deep.min() >= 0):
                raise ValueError("it holds negative, infinite or NaN pixels")
            top = 65535 if deep.max() > 255 else 255
            picture = Image.fromarray(np.round(deep / top * 255).astype(np.uint8))
        if "A" in picture.getbands() or "transparency" in picture.info:
            picture = picture.convert("RGBA")
            picture = Image.alpha_composite(Image.new("RGBA", picture.size, "white"), picture)
        picture = picture.convert("L" if source.channels == 1 else "RGB")
        size = (source.width, source.height)
        if source.resize == "crop":
            picture = ImageOps.fit(picture, size, Image.Resampling.LANCZOS)
        else:
            picture = picture.resize(size, Image.Resampling.LANCZOS)
    return np.asarray(picture).reshape(source.height, source.width, source.channels)
