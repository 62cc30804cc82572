"""What an output holds: a digest of its bits, and some numbers that tell a rounding from another result."""

import csv
import hashlib
import json
import re
import struct
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from pipeline.io.files import reading

NUMBER = re.compile(r"(?<![\w.])[-+]?\d+(?:\.\d+)?(?:e[-+]?\d+)?(?![\w.])")
TYPES = {"F64": "f8", "F32": "f4", "I64": "i8", "I32": "i4", "U8": "u1", "BOOL": "?"}
BLOCK = 2**22  # numbers of an array at a time
DIGITS = 9  # significant, of the numbers that are kept

Numbers = dict[str, float]


@dataclass(frozen=True)
class Content:
    """Of one file."""

    sha256: str  # of a .safetensors file: of its tensors, in the order of their names
    numbers: Numbers = field(default_factory=dict)


def of(path: Path) -> Content:
    """DataError if the file is damaged."""
    with reading(path, f"{path.suffix} file"):
        if path.suffix == ".safetensors":
            return of_tensors(path)
        with path.open("rb") as file:
            sha256 = hashlib.file_digest(file, "sha256").hexdigest()
        found = READERS.get(path.suffix, no_numbers)(path)
        return Content(sha256, {key: rounded(value) for key, value in found.items()})


def rounded(value: float) -> float:
    return float(f"{value:.{DIGITS}g}")


def of_tensors(path: Path) -> Content:
    """Metadata are left out: they name versions and the code. Numbers: the root mean square of the tensors of each
    net, or of each array of a dataset."""
    sha256, sums, counts = hashlib.sha256(), dict[str, float](), dict[str, int]()
    for name, values in tensors(path):
        sha256.update(np.ascontiguousarray(values).data)
        net = name.partition(".")[0]
        sums[net] = sums.get(net, 0.0) + squares(values)
        counts[net] = counts.get(net, 0) + values.size
    numbers = {net: rounded((sums[net] / max(1, counts[net])) ** 0.5) for net in sums}
    return Content(sha256.hexdigest(), numbers)


def tensors(path: Path) -> Iterator[tuple[str, np.ndarray]]:
    """Names, sorted, and arrays of a .safetensors file, mapped; read without torch."""
    with path.open("rb") as file:
        size = struct.unpack("<Q", file.read(8))[0]
        header = json.loads(file.read(size))
    header.pop("__metadata__", None)
    for name in sorted(header):
        start, end = header[name]["data_offsets"]
        kind = np.dtype(TYPES[header[name]["dtype"]])
        shape = ((end - start) // kind.itemsize,)
        yield (
            name,
            np.memmap(path, kind, "r", 8 + size + start, shape)
            if end > start
            else np.empty(0, kind),
        )


def squares(values: np.ndarray) -> float:
    """The sum of squares, in float64."""
    flat = values.reshape(-1)
    blocks = (flat[start : start + BLOCK] for start in range(0, flat.size, BLOCK))
    return sum(float(np.square(block, dtype=np.float64).sum()) for block in blocks)


def no_numbers(path: Path) -> Numbers:
    return {}


def of_json(path: Path) -> Numbers:
    """Every number by its dotted key, of lists the mean."""
    return dict(flat(json.loads(path.read_text(encoding="utf-8")), ""))


def flat(value: Any, key: str) -> Iterator[tuple[str, float]]:
    if isinstance(value, dict):
        for name, each in value.items():
            yield from flat(each, f"{key}.{name}" if key else name)
    elif isinstance(value, list):
        inside = list(leaves(value))
        if inside:
            yield f"mean of {key}", sum(inside) / len(inside)
    elif isinstance(value, int | float) and not isinstance(value, bool):
        yield key, float(value)


def leaves(value: Any) -> Iterator[float]:
    """All numbers inside."""
    if isinstance(value, list):
        for each in value:
            yield from leaves(each)
    else:
        yield from (number for _, number in flat(value, ""))


def of_table(path: Path) -> Numbers:
    """The last row of a .tsv file."""
    with path.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file, delimiter="\t"))
    return {f"last {key}": float(value) for key, value in rows[-1].items()} if rows else {}


def of_text(path: Path) -> Numbers:
    """The mean of all that reads as a number."""
    found = [float(text) for text in NUMBER.findall(path.read_text(encoding="utf-8"))]
    return {"mean of numbers": sum(found) / len(found)} if found else {}


def of_array(path: Path) -> Numbers:
    return spread(np.load(path, mmap_mode="r", allow_pickle=False))


def of_arrays(path: Path) -> Numbers:
    with np.load(path, allow_pickle=False) as arrays:
        numeric = {name: arrays[name] for name in arrays.files if arrays[name].dtype.kind in "fiub"}
        return {
            f"{name} {key}": value
            for name, values in numeric.items()
            for key, value in spread(values).items()
        }


def of_picture(path: Path) -> Numbers:
    """Of levels from 0 to 255."""
    with Image.open(path) as picture:
        return spread(np.asarray(picture.convert("RGB")))


def spread(values: np.ndarray) -> Numbers:
    """Mean and root mean square."""
    if not values.size:
        return {}
    flat = values.reshape(-1)
    blocks = (flat[start : start + BLOCK] for start in range(0, flat.size, BLOCK))
    mean = sum(float(block.sum(dtype=np.float64)) for block in blocks) / flat.size
    return {"mean": mean, "root mean square": (squares(values) / flat.size) ** 0.5}


READERS: dict[str, Callable[[Path], Numbers]] = {
    ".json": of_json,
    ".tsv": of_table,
    ".csv": of_text,
    ".md": of_text,
    ".npy": of_array,
    ".npz": of_arrays,
    ".png": of_picture,
}
