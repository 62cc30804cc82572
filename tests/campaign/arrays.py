"""Arrays of every type, shape and range for `score`: a number only where one means something."""

import itertools
import json
import math
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from tests.campaign.attack import Attack, command

TYPES = ("f4", "f8", "f2", ">f4", "u1", "i8", "g", "c8", "?", "U3", "S2", "M8[s]", "O", "V4")
SHAPES = (
    (12, 1, 4, 4),
    (12, 16),
    (12, 4, 4, 1),
    (12, 2, 8),
    (1, 16),
    (12,),
    (0, 16),
    (12, 0),
    (12, 3),
    (),
)
VALUES = ("uniform", "zeros", "ones", "bytes", "tiny", "negative", "nan", "inf")
RANGES = (
    ("0", "1"),
    ("-1", "1"),
    ("0", "255"),
    ("1", "0"),
    ("nan", "1"),
    ("0", "inf"),
    ("0", "1e300"),
)
NAMES = ("samples", "valid", "test")


def made(kind: str, shape: tuple[int, ...], values: str) -> np.ndarray:
    random = np.random.default_rng(0).uniform(0, 1, shape)
    content = {
        "uniform": random,
        "zeros": 0 * random,
        "ones": 0 * random + 1,
        "bytes": np.floor(255 * random),
        "tiny": 1e-300 * random,
        "negative": random - 3,
        "nan": random * np.nan,
        "inf": random + np.inf,
    }[values]
    if kind == "O":
        return np.full(shape, None)
    with np.errstate(all="ignore"):
        return content.astype("i8").astype(kind) if kind == "M8[s]" else content.astype(kind)


def attacks(folder: Path) -> Iterator[Attack]:
    good = np.random.default_rng(1).uniform(0, 1, (12, 1, 4, 4))
    paths = {name: folder / f"{name}.npy" for name in NAMES}
    for target, kind, shape, values in itertools.product(NAMES[::2], TYPES, SHAPES, VALUES):
        yield one(paths, good, target, (kind, shape, values), ("0", "1"))
    for ends, values in itertools.product(RANGES, VALUES):
        for target in NAMES:
            yield one(paths, good, target, ("f8", (12, 1, 4, 4), values), ends)


def one(paths: dict[str, Path], good: np.ndarray, target: str, odd: tuple, ends: tuple) -> Attack:
    """`score` on good arrays but for `target`, in the range `ends`."""

    def act() -> str:
        for name, path in paths.items():
            array = made(*odd) if name == target else good
            np.save(path, array, allow_pickle=True)
        options = [part for name, path in paths.items() for part in (f"--{name}", str(path))]
        return command("score", *options, "--range", *ends)[0]

    def right(printed: str) -> bool:
        content = json.loads(printed)["log_likelihood"]
        return all(map(math.isfinite, content.values())) and meaningful(made(*odd), good, ends)

    names = (*(str(path) for path in paths.values()), "--range")
    return Attack(
        f"{target} {odd} range {ends}",
        act,
        names,
        right,
        (paths["test"].parent,),
        tuple(paths.values()),
    )


def meaningful(array: np.ndarray, good: np.ndarray, ends: tuple[str, str]) -> bool:
    """Whether a likelihood of such arrays is one: real, finite, in the range, and of one size of image."""
    low, high = map(float, ends)
    if (
        array.dtype.kind not in "iuf"
        or array.dtype.itemsize > 8
        or array.ndim < 2
        or not array.size
    ):
        return False
    inner = [tuple(size for size in each.shape[1:] if size > 1) for each in (array, good)]
    one_size = math.prod(array.shape[1:]) == 16 and (inner[0] == inner[1] or len(inner[0]) < 2)
    spans = [(each.min(), each.max()) for each in (array.astype("f8"), good)]
    return (
        one_size
        and math.isfinite(low) and math.isfinite(high) and low < high
        and all(low <= lowest and highest <= high for lowest, highest in spans)
        and all(highest == lowest or highest - lowest >= (high - low) / 50 for lowest, highest in spans)
    )  # fmt: skip
