"""Parquet files with a column of pictures, as the `datasets` library writes them: structs with `bytes`, or plain bytes.

pyarrow reads them; it is installed for those who need it (requirements-parquet.txt).
"""

import hashlib
import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from pipeline.config.datasets import Parquet
from pipeline.errors import SourceError
from pipeline.io.files import reading
from pipeline.sources import own
from pipeline.sources.raw import TEST, TRAIN, Raw

ROWS = 256  # read at a time
LARGEST_GROUP_BYTES = 2**31  # uncompressed, of the rows that are read at once
NEXT = "Write it again, with datasets' to_parquet say"


def found(source: Parquet) -> tuple[str, str]:
    """The digest of the files, and what they are, in words."""
    digests = own.digests(files_of(source))
    return together(digests), f"{source.path}, {len(digests)} parquet file(s)"


def fetch(source: Parquet, name: str) -> Raw:
    """Of the dataset `name`: the pictures of the file, or of all files in the folder.

    Files whose names begin with `test` hold the test images; without such files a share of all images tests.
    SourceError if the digest is not `source.digest`, or if a file is damaged or hostile.
    """
    digests = own.digests(files_of(source))
    own.check_accepted(
        source, name, together(digests), f"{source.path} holds {len(digests)} parquet file(s)"
    )
    parts = [read(file, source) for file in digests]
    own.enough(Path(source.path), sum(len(part.keys) for part in parts), "pictures")
    keys = [key for part in parts for key in part.keys]
    is_test = np.concatenate([np.full(len(p.keys), p.file.name.startswith("test")) for p in parts])
    order = own.in_order(keys)
    if is_test.any() and not is_test.all():
        split = np.where(is_test, TEST, TRAIN).astype(np.uint8)[order]
    else:
        split = own.split(keys, source.test_share)
    images = [image for part in parts for image in part.images]
    labels = [label for part in parts for label in part.labels]
    known = labels if source.label_column in parts[0].columns else None
    names = next((part.class_names for part in parts if part.class_names), ())
    return Raw(
        images=np.stack([images[n] for n in order]),
        labels=np.full(len(keys), -1)
        if known is None
        else own.labels_of(Path(source.path), known, len(keys))[order],
        split=split,
        class_names=names if known and len(names) > max(known) else (),
        provenance={
            "source": f"local {source.path}",
            "sha256": {file.name: found for file, found in digests.items()},
        },
    )


@dataclass
class Part:
    """One file: images [H, W, C] in its order, SHA-256 of each picture, labels if it has them."""

    file: Path
    columns: list[str]
    class_names: tuple[str, ...]
    images: list[np.ndarray] = field(default_factory=list)
    keys: list[str] = field(default_factory=list)
    labels: list[Any] = field(default_factory=list)


def files_of(source: Parquet) -> list[Path]:
    """The file, or those in the folder, by name; SourceError if there are none."""
    path = Path(source.path)
    if path.is_dir():
        files = sorted(file for file in path.rglob("*.parquet") if file.is_file())
        if not files:
            raise SourceError(f"{path} holds no .parquet file")
        return files
    return [own.existing_file(path, "parquet file, or folder of such files")]


def together(digests: dict[Path, str]) -> str:
    """One digest of all files; their names count, because they say which images test."""
    return own.digest(f"{file.name} {found}" for file, found in digests.items())


def read(file: Path, source: Parquet) -> Part:
    """All rows of one file."""
    opened = open_file(file)
    with reading(file, "parquet file", SourceError, NEXT):
        schema = opened.schema_arrow
        groups = [opened.metadata.row_group(n) for n in range(opened.metadata.num_row_groups)]
        largest = max((group.total_byte_size for group in groups), default=0)
        part = Part(file, schema.names, class_names(schema.metadata, source.label_column))
    if source.image_column not in part.columns:
        raise SourceError(
            f"{file}: has no column {source.image_column!r}, but {part.columns}. Set the dataset's "
            "source.image_column to the one that holds the pictures"
        )
    if largest > LARGEST_GROUP_BYTES:
        raise SourceError(
            f"{file}: a row group of {largest:,} bytes; {LARGEST_GROUP_BYTES:,} at most are read at once. {NEXT}"
        )
    own.check_size(source, str(file), (source.height, source.width), opened.metadata.num_rows)
    wanted = [name for name in (source.image_column, source.label_column) if name in part.columns]
    with reading(file, "parquet file", SourceError, NEXT):
        for batch in opened.iter_batches(batch_size=ROWS, columns=wanted):
            for row in batch.to_pylist():
                add(part, source, row)
    return part


def add(part: Part, source: Parquet, row: dict[str, Any]) -> None:
    """Append one row to `part`; SourceError if it holds no picture."""
    where = f"{part.file}: row {len(part.keys):,}"
    found = row[source.image_column]
    content = found.get("bytes") if isinstance(found, dict) else found
    if not isinstance(content, bytes):
        raise SourceError(
            f"{where}: {source.image_column!r} holds no bytes of a picture; with the `datasets` library, embed "
            "them: to_parquet does"
        )
    if len(content) > own.LARGEST_FILE_BYTES:
        raise SourceError(
            f"{where}: a picture of {len(content):,} bytes; {own.LARGEST_FILE_BYTES:,} at most"
        )
    part.images.append(own.decode(content, source, where))
    part.keys.append(hashlib.sha256(content).hexdigest())
    part.labels.append(row.get(source.label_column))


def open_file(file: Path) -> Any:
    """A pyarrow.parquet.ParquetFile; SourceError if pyarrow is not installed, or if it is none."""
    try:
        from pyarrow import parquet
    except ImportError:
        raise SourceError(
            f"{file}: parquet files are read by pyarrow, which is not installed. Next:\n"
            "  pip install -r requirements-parquet.txt -c constraints.txt"
        ) from None
    with reading(file, "parquet file", SourceError, NEXT):
        return parquet.ParquetFile(file)


def class_names(metadata: dict[bytes, bytes] | None, column: str) -> tuple[str, ...]:
    """Names of the classes that the `datasets` library has written into the file; empty if it has not."""
    try:
        about = json.loads((metadata or {})[b"huggingface"])
        names = about["info"]["features"][column]["names"]
    except (KeyError, TypeError, ValueError):
        return ()
    if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
        return ()
    return tuple(names)
