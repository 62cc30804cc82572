"""Arrays of images in one .npz: `images` and `labels`, or `arr_0` and `arr_1` as ADM's and EDM's tools write them.

Nothing is unpickled, and no array is read before its size is known from its header.
"""

import hashlib
import math
import zipfile
from pathlib import Path

import numpy as np

from pipeline.config.datasets import Npz
from pipeline.errors import SourceError
from pipeline.io.files import reading
from pipeline.sources import own
from pipeline.sources.raw import Raw

KEYS = {"images": "labels", "arr_0": "arr_1"}  # images -> their labels, which may be missing
NEXT = "Write it with: numpy.savez(file, images=..., labels=...)"
Header = tuple[tuple[int, ...], np.dtype]  # shape and dtype of an array
HEADERS = {(1, 0): np.lib.format.read_array_header_1_0, (2, 0): np.lib.format.read_array_header_2_0}


def found(source: Npz) -> tuple[str, str]:
    """The digest of the file, and what it is, in words."""
    path = own.existing_file(Path(source.path), ".npz of images")
    return own.sha256(path)[:16], f"{path} of {path.stat().st_size:,} bytes"


def fetch(source: Npz, name: str) -> Raw:
    """Of the dataset `name`: all images of the file. SourceError if its digest is not `source.digest`, or if its arrays
    are others than expected."""
    path = own.existing_file(Path(source.path), ".npz of images")
    whole = own.sha256(path)
    own.check_accepted(source, name, whole[:16], f"{path} is a file")
    with reading(path, ".npz archive", SourceError, NEXT):
        shapes = headers(path)
    key = next((key for key in KEYS if key in shapes), None)
    if key is None:
        raise SourceError(
            f"{path}: holds {sorted(shapes)}, but neither 'images' nor 'arr_0'. {NEXT}"
        )
    check(source, path, shapes[key])
    check_labels(path, shapes.get(KEYS[key]), shapes[key][0][0])
    with (
        reading(path, ".npz archive", SourceError, NEXT),
        np.load(path, allow_pickle=False) as arrays,
    ):
        images = arrays[key]
        labels = arrays[KEYS[key]].reshape(-1) if KEYS[key] in shapes else None
    images = images.reshape(len(images), source.height, source.width, source.channels)
    digests = [hashlib.sha256(image.tobytes()).hexdigest() for image in images]
    order = own.in_order(digests)
    known = np.full(len(images), -1) if labels is None else own.labels_of(path, labels, len(images))
    return Raw(
        images=images[order],
        labels=known[order].astype(np.int64),
        split=own.split(digests, source.test_share),
        provenance={"source": f"local file {path}", "sha256": {path.name: whole}},
    )


def headers(path: Path) -> dict[str, Header]:
    """Shape and dtype of each array, without reading any."""
    shapes = {}
    with zipfile.ZipFile(path) as opened:
        for entry in opened.namelist():
            with opened.open(entry) as file:
                shape, _, dtype = HEADERS[np.lib.format.read_magic(file)](file)
                shapes[entry.removesuffix(".npy")] = (shape, dtype)
    return shapes


def check_labels(path: Path, header: Header | None, count: int) -> None:
    """SourceError unless the array, if there is one, holds a number for each of `count` images."""
    if header and math.prod(header[0]) * header[1].itemsize > 8 * count:
        raise SourceError(
            f"{path}: labels {list(header[0])} of {header[1]} for {count:,} images; each needs one. {NEXT}"
        )


def check(source: Npz, path: Path, header: Header) -> None:
    """SourceError unless the header is that of uint8 images of the size in params.yaml."""
    shape, dtype = header
    channels = (1,) if len(shape) == 3 else shape[3:]
    if dtype != np.uint8 or len(shape) not in (3, 4) or channels != (source.channels,):
        raise SourceError(
            f"{path}: expected uint8 images [N, {source.height}, {source.width}, {source.channels}], got {dtype} "
            f"{list(shape)}. {NEXT}"
        )
    own.enough(path, shape[0], "images")
    own.check_size(source, str(path), shape[1:3], shape[0])
