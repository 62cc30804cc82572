"""A zip of pictures with labels in dataset.json, as the tools of StyleGAN and EDM write it (Karras et al. 2020, 2022).

The archive is read where it is: nothing is unpacked to disk.
"""

import hashlib
import json
import zipfile
from pathlib import Path, PurePosixPath

import numpy as np

from pipeline.config.datasets import Zip
from pipeline.errors import SourceError
from pipeline.io.files import reading
from pipeline.sources import own
from pipeline.sources.raw import Raw

LABELS = "dataset.json"  # {"labels": [[name, class], ...]}, or null for none
NEXT = "Write it again, with StyleGAN's dataset_tool.py say"


def found(source: Zip) -> tuple[str, str]:
    """The digest of the file, and what it is, in words."""
    path = own.existing_file(Path(source.path), "zip of pictures")
    return own.sha256(path)[:16], f"{path} of {path.stat().st_size:,} bytes"


def fetch(source: Zip, name: str) -> Raw:
    """Of the dataset `name`: all pictures of the archive, which must be of one size. SourceError if its digest is not
    `source.digest`, or if it is damaged or hostile."""
    path = own.existing_file(Path(source.path), "zip of pictures")
    whole = own.sha256(path)
    own.check_accepted(source, name, whole[:16], f"{path} is a file")
    with reading(path, "zip archive", SourceError, NEXT), zipfile.ZipFile(path) as opened:
        names = pictures(path, opened)
        own.check_size(source, str(path), (source.height, source.width), len(names))
        labels = read_labels(path, opened, names)
        images = np.empty((len(names), source.height, source.width, source.channels), np.uint8)
        digests = []
        for index, member in enumerate(names):
            content = opened.read(member)
            digests.append(hashlib.sha256(content).hexdigest())
            images[index] = own.decode(content, source, f"{path}: {member}")
    order = own.in_order(digests)
    return Raw(
        images=images[order],
        labels=labels[order],
        split=own.split(digests, source.test_share),
        provenance={"source": f"local file {path}", "sha256": {path.name: whole}},
    )


def pictures(path: Path, opened: zipfile.ZipFile) -> list[str]:
    """Names of the pictures; SourceError for a name that points out of the archive, or for what is too large."""
    entries = [entry for entry in opened.infolist() if not entry.is_dir()]
    for entry in entries:
        place = PurePosixPath(entry.filename.replace("\\", "/"))
        if place.is_absolute() or ".." in place.parts or ":" in entry.filename:
            raise SourceError(
                f"{path}: the name {entry.filename[:80]!r} points out of the archive; {NEXT.lower()}"
            )
        if entry.file_size > own.LARGEST_FILE_BYTES:
            raise SourceError(
                f"{path}: {entry.filename[:80]} unpacks to {entry.file_size:,} bytes, and no file of it may be "
                f"larger than {own.LARGEST_FILE_BYTES:,}"
            )
    if sum(entry.file_size for entry in entries) > own.LARGEST_DATASET_BYTES:
        raise SourceError(
            f"{path} unpacks to more than {own.LARGEST_DATASET_BYTES >> 30} GiB; take fewer pictures"
        )
    names = [e.filename for e in entries if is_picture(PurePosixPath(e.filename))]
    own.enough(path, len(names), f"pictures ({', '.join(sorted(own.FORMATS))})")
    if len(set(names)) < len(names):
        raise SourceError(f"{path} holds two files of one name; {NEXT.lower()}")
    return names


def is_picture(name: PurePosixPath) -> bool:
    """By its ending; hidden files are none, such as macOS puts beside each picture."""
    hidden = any(part.startswith(".") for part in name.parts)
    return name.suffix.lower() in own.FORMATS and not hidden


def read_labels(path: Path, opened: zipfile.ZipFile, names: list[str]) -> np.ndarray:
    """int64 [N], -1 where dataset.json is missing or has no labels."""
    if LABELS not in opened.namelist():
        return np.full(len(names), -1, np.int64)
    content = json.loads(opened.read(LABELS))
    pairs = content.get("labels") if isinstance(content, dict) else content
    if pairs is None:
        return np.full(len(names), -1, np.int64)
    of_name = {str(name).replace("\\", "/"): label for name, label in pairs}
    missing = [name for name in names if name not in of_name]
    if missing:
        raise SourceError(
            f"{path}: {LABELS} has no label for {missing[0][:80]} and {len(missing) - 1:,} others; give each picture "
            "one, or none"
        )
    return own.labels_of(path, (of_name[name] for name in names), len(names))
