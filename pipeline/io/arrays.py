"""Arrays of .npy files, in one file or in several: written and read a part at a time, never unpickled."""

import math
import shutil
from collections.abc import Iterable, Iterator
from itertools import chain
from pathlib import Path
from typing import BinaryIO

import numpy as np

from pipeline.errors import DataError
from pipeline.io.files import atomic, existing, read_json, write_json

SHARD_BYTES = 2**30  # of the rows in one file
INDEX = "index.json"  # file -> number of rows, in their order


class Rows:
    """The rows of .npy files, as if they were one array: `rows[start:stop]` reads these and no others.

    No file stays mapped into memory, so that what has been read does not count as used.
    """

    def __init__(self, *paths: Path):
        """DataError for what is no .npy file of numbers, or rows of different shapes."""
        arrays = [read_array(path) for path in paths]
        self.paths = paths
        self.lengths = [len(array) for array in arrays]
        self.shape = (sum(self.lengths), *arrays[0].shape[1:])
        self.dtype = arrays[0].dtype
        for path, array in zip(paths, arrays, strict=True):
            if array.shape[1:] != self.shape[1:] or array.dtype != self.dtype:
                raise DataError(
                    f"{path}: rows of {array.dtype} {list(array.shape[1:])}, but {paths[0]} has "
                    f"{self.dtype} {list(self.shape[1:])}; both must be parts of one array"
                )

    def __len__(self) -> int:
        return self.shape[0]

    def __getitem__(self, rows: slice) -> np.ndarray:
        start, stop, step = rows.indices(len(self))
        if step != 1:
            raise ValueError(f"rows are read one after the other, not in steps of {step}")
        parts, first = [], 0  # of the file's rows
        for path, length in zip(self.paths, self.lengths, strict=True):
            if start < first + length and first < stop:
                parts.append(np.array(read_array(path)[max(0, start - first) : stop - first]))
            first += length
        if len(parts) == 1:
            return parts[0]
        return np.concatenate(parts) if parts else np.empty((0, *self.shape[1:]), self.dtype)


def read_array(path: Path) -> np.ndarray:
    """The array of a .npy file, mapped into memory for as long as it is used."""
    try:
        array = np.load(existing(path), mmap_mode="r", allow_pickle=False)
    except (ValueError, EOFError) as error:
        raise DataError(f"{path}: not a readable .npy file ({error}).") from None
    if array.ndim == 0:
        raise DataError(f"{path}: a single number, expected an array")
    return array


def read_shards(path: Path) -> Rows:
    """What `write_shards` has written; DataError if a file of it is missing. Or `path` alone."""
    index = shard_folder(path) / INDEX
    names = read_json(index) if index.is_file() else [path.name]
    return Rows(*(path.parent / name for name in names))


def shard_folder(path: Path) -> Path:
    """a/samples.npy -> a/samples"""
    return path.with_suffix("")


def write_shards(path: Path, shape: tuple[int, ...], blocks: Iterable[np.ndarray]) -> None:
    """float32 rows, `shape` in all, to `path`; what does not fit into `SHARD_BYTES` goes on in a folder
    beside it, as 00001.npy and so on. In the folder is also a list of the files and their rows.
    """
    folder, rows = shard_folder(path), chain.from_iterable(blocks)
    path.unlink(missing_ok=True)
    shutil.rmtree(folder, ignore_errors=True)
    in_one = max(1, SHARD_BYTES // (4 * math.prod(shape[1:])))
    first = min(in_one, shape[0])
    index = {path.name: first}
    with atomic(path) as file:  # it gets its name last, when all the others have theirs
        write_rows(file, (first, *shape[1:]), rows)
        for number, start in enumerate(range(first, shape[0], in_one), start=1):
            further, count = folder / f"{number:05}.npy", min(in_one, shape[0] - start)
            with atomic(further) as shard:
                write_rows(shard, (count, *shape[1:]), rows)
            index[f"{folder.name}/{further.name}"] = count
        write_json(folder / INDEX, index)


def write_rows(file: BinaryIO, shape: tuple[int, ...], rows: Iterator[np.ndarray]) -> None:
    """An array of `shape`: the next of the rows."""
    header = {"descr": "<f4", "fortran_order": False, "shape": shape}
    np.lib.format.write_array_header_1_0(file, header)
    for _ in range(shape[0]):
        file.write(next(rows).astype("<f4", copy=False).tobytes())
