"""Arrays in one or several .npy files, written and read a part at a time, never unpickled."""

import math
import shutil
from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack
from itertools import chain
from pathlib import Path
from typing import BinaryIO

import numpy as np

from pipeline.errors import DataError
from pipeline.io.files import atomic, existing, read_json, reading, write_json

SHARD_BYTES = 2**30  # at most, of the rows in one file
INDEX = "index.json"  # file -> number of rows, in their order


class Rows:
    """The rows of .npy files, as if they were one array: `rows[start:stop]` reads only these.

    Files are mapped only while they are read, so that memory use does not grow with what was read.
    """

    def __init__(self, *paths: Path):
        """DataError for a file that is no .npy array, or if rows differ in shape or dtype."""
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
                part = read_array(path)[max(0, start - first) : stop - first]
                parts.append(np.array(part, dtype=part.dtype.newbyteorder("=")))
            first += length
        if len(parts) == 1:
            return parts[0]
        return np.concatenate(parts) if parts else np.empty((0, *self.shape[1:]), self.dtype)


def read_array(path: Path) -> np.ndarray:
    """The array of a .npy file, mapped into memory for as long as it is used."""
    with reading(existing(path), ".npy file", next_step="Write it with: numpy.save, or restore it"):
        array = np.load(path, mmap_mode="r", allow_pickle=False)
    if not isinstance(array, np.ndarray):
        raise DataError(f"{path}: an archive of arrays (.npz), expected one array (numpy.save)")
    if array.ndim == 0:
        raise DataError(f"{path}: a single number, expected an array")
    return array


def read_shards(path: Path) -> Rows:
    """What `write_shards` wrote to `path`, or the one array there if it has no index of shards.

    DataError if a file is missing.
    """
    index = shard_folder(path) / INDEX
    names = read_json(index) if index.is_file() else {path.name: None}
    if not isinstance(names, dict) or path.name not in names:
        raise DataError(f"{index}: does not list {path.name}. Draw the samples again: dvc repro")
    return Rows(*(path.parent / name for name in names))


def shard_folder(path: Path) -> Path:
    """a/samples.npy -> a/samples"""
    return path.with_suffix("")


def write_shards(
    paths: Sequence[Path], shape: tuple[int, ...], blocks: Iterable[Sequence[np.ndarray]]
) -> None:
    """Write float32 arrays of `shape`, one to each of `paths`, given as blocks of their rows, one block for each.

    Rows beyond `SHARD_BYTES` go to further files, 00001.npy and so on, in a folder beside the array's. The folder
    also holds an index of the files and their numbers of rows. `paths` themselves appear last.
    """
    rows = chain.from_iterable(zip(*block, strict=True) for block in blocks)
    for path in paths:
        path.unlink(missing_ok=True)
        shutil.rmtree(shard_folder(path), ignore_errors=True)
    in_one = max(1, SHARD_BYTES // (4 * math.prod(shape[1:])))
    first = min(in_one, shape[0])
    # path -> file's name below its folder -> number of rows
    index = {path: {path.name: first} for path in paths}
    with ExitStack() as stack:  # named last: if one exists, so do all its others
        files = [stack.enter_context(atomic(path)) for path in paths]
        write_rows(files, (first, *shape[1:]), rows)
        for number, start in enumerate(range(first, shape[0], in_one), start=1):
            count = min(in_one, shape[0] - start)
            shards = [shard_folder(path) / f"{number:05}.npy" for path in paths]
            with ExitStack() as inner:
                opened = [inner.enter_context(atomic(shard)) for shard in shards]
                write_rows(opened, (count, *shape[1:]), rows)
            for path, shard in zip(paths, shards, strict=True):
                index[path][f"{shard.parent.name}/{shard.name}"] = count
        for path in paths:
            write_json(shard_folder(path) / INDEX, index[path])


def write_rows(
    files: Sequence[BinaryIO], shape: tuple[int, ...], rows: Iterator[Sequence[np.ndarray]]
) -> None:
    """Write the next `shape[0]` of `rows`, each with a row of every file, as float32 .npy arrays of `shape`."""
    header = {"descr": "<f4", "fortran_order": False, "shape": shape}
    for file in files:
        np.lib.format.write_array_header_1_0(file, header)
    for _ in range(shape[0]):
        for file, row in zip(files, next(rows), strict=True):
            file.write(row.astype("<f4", copy=False).tobytes())
