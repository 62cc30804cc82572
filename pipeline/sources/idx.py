"""Datasets of four IDX files, from a local folder, torchvision's mirrors, or a package: always the same bytes.

Whatever a place serves (gzip, a NumPy pickle, an archive) is converted back to the four raw files, whose
published SHA-256 is checked before any other use.
"""

import struct
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

from pipeline.sources.packages import gunzip, read_url
from pipeline.sources.raw import TEST, TRAIN, Raw, Unavailable, first_available

# images and labels of the training set, then of the test set
NAMES = (
    "train-images-idx3-ubyte",
    "train-labels-idx1-ubyte",
    "t10k-images-idx3-ubyte",
    "t10k-labels-idx1-ubyte",
)
Files = dict[str, bytes]


def fetch(
    dataset: str, local: str | None, places: dict[str, Callable[[], Files]], digests: dict[str, str]
) -> Raw:
    """All 70,000 images from the first of `places` that delivers, a `local` folder before the others.

    `digests`: SHA-256 of each of NAMES. SourceError lists every place that was tried.
    """
    if local is not None:
        folder = Path(local)
        places = {f"local folder {folder}": lambda: from_folder(folder)} | places
    return raw(first_available(dataset, places, digests, ", ".join(NAMES)), {"sha256": digests})


def raw(files: Files, provenance: dict) -> Raw:
    """The images and labels of the four `files`."""
    train, train_labels, test, test_labels = (parse_idx(files[name]) for name in NAMES)
    return Raw(
        images=np.concatenate([train, test])[..., None],
        labels=np.concatenate([train_labels, test_labels]).astype(np.int64),
        split=np.repeat(np.array([TRAIN, TEST], np.uint8), [len(train), len(test)]),
        provenance=provenance,
    )


def parse_idx(content: bytes) -> np.ndarray:
    """The uint8 array of an IDX file: magic 0, 0, 8 (uint8), number of axes, sizes, values."""
    _, kind, axes = struct.unpack(">HBB", content[:4])
    if kind != 8:
        raise Unavailable(f"an IDX file holds type {kind}, expected 8 (uint8)")
    shape = struct.unpack(f">{axes}I", content[4 : 4 + 4 * axes])
    return np.frombuffer(content, np.uint8, offset=4 + 4 * axes).reshape(shape)


def format_idx(array: np.ndarray) -> bytes:
    """The inverse of `parse_idx`, byte for byte as the files were published."""
    return struct.pack(f">HBB{array.ndim}I", 0, 8, array.ndim, *array.shape) + array.tobytes()


def from_folder(folder: Path) -> Files:
    """The four files in `folder`, compressed or not; Unavailable names the first that is missing."""
    files = {}
    for name in NAMES:
        plain, zipped = folder / name, folder / f"{name}.gz"
        if plain.is_file():
            files[name] = plain.read_bytes()
        elif zipped.is_file():
            files[name] = gunzip(name, zipped.read_bytes())
        else:
            raise Unavailable(f"has neither {name} nor {name}.gz")
    return files


def from_mirrors(mirrors: Sequence[str]) -> Files:
    """The four files from the first mirror that serves them all; Unavailable gives each mirror's reason."""
    reasons = []
    for mirror in mirrors:
        try:
            return {name: gunzip(name, read_url(f"{mirror}{name}.gz")) for name in NAMES}
        except Unavailable as reason:
            reasons.append(str(reason))
    raise Unavailable("; ".join(reasons))
