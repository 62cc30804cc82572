"""CIFAR-10: 60,000 colour photographs in ten classes, 32 x 32 (Krizhevsky 2009)."""

from pathlib import Path

import numpy as np

from pipeline.config.datasets import Cifar10
from pipeline.sources.packages import members, read_url, restricted_pickle
from pipeline.sources.raw import TEST, TRAIN, Raw, Unavailable, first_available

# The two published archives, NumPy pickles and rows of bytes, hold the same images.
PICKLES, ROWS = "cifar-10-python.tar.gz", "cifar-10-binary.tar.gz"
DIGESTS = {
    PICKLES: "6d958be074577803d12ecdefd02955f39262c83c16fe9348329d7fe0b5c001ce",
    ROWS: "c4a38c50a1bc5f3a1c5537f2155ab9d68f9f25eb1ed8d9ddda3db29a59bca1dd",
}
BATCHES = [*(f"data_batch_{i}" for i in range(1, 6)), "test_batch"]
PIXELS = 3 * 32 * 32  # a plane of red, one of green, one of blue


def fetch(source: Cifar10) -> Raw:
    """50,000 training and 10,000 test images; SourceError lists every place that was tried."""
    places = {"torchvision's mirror": from_mirror}
    if source.local is not None:
        folder = Path(source.local)
        places = {f"local folder {folder}": lambda: from_folder(folder)} | places
    files = first_available("cifar10", places, DIGESTS, f"{PICKLES} or {ROWS}")
    ((name, archive),) = files.items()
    batches = unpack(name, archive)
    images = np.concatenate([pixels for pixels, _ in batches])
    return Raw(
        images=images.reshape(-1, 3, 32, 32).transpose(0, 2, 3, 1),
        labels=np.concatenate([labels for _, labels in batches]).astype(np.int64),
        split=np.repeat(
            np.array([TRAIN, TEST], np.uint8),
            [sum(len(pixels) for pixels, _ in batches[:-1]), len(batches[-1][0])],
        ),
        provenance={"sha256": DIGESTS},
    )


def from_folder(folder: Path) -> dict[str, bytes]:
    """Name and bytes of the first archive in `folder`; Unavailable if it holds neither."""
    for name in DIGESTS:
        if (folder / name).is_file():
            return {name: (folder / name).read_bytes()}
    raise Unavailable(f"has neither {PICKLES} nor {ROWS}")


def from_mirror() -> dict[str, bytes]:
    from torchvision.datasets import CIFAR10

    return {PICKLES: read_url(CIFAR10.url)}


def unpack(name: str, archive: bytes) -> list[tuple[np.ndarray, np.ndarray]]:
    """uint8 pixels [10,000, 3072] and labels of each batch; `archive` has been verified."""
    read, suffix = (read_pickle, "") if name == PICKLES else (read_rows, ".bin")
    contents = members(archive, [f"{batch}{suffix}" for batch in BATCHES])
    return [read(batch, contents[f"{batch}{suffix}"]) for batch in BATCHES]


def read_pickle(name: str, content: bytes) -> tuple[np.ndarray, np.ndarray]:
    """uint8 pixels [N, 3072] (a red, a green, a blue plane) and labels [N] of one batch."""
    batch = restricted_pickle(name, content, "bytes")
    return batch[b"data"], np.asarray(batch[b"labels"])


def read_rows(name: str, content: bytes) -> tuple[np.ndarray, np.ndarray]:
    """The same from rows of one byte of label and 3072 bytes of pixels."""
    rows = np.frombuffer(content, np.uint8).reshape(-1, 1 + PIXELS)
    return rows[:, 1:], rows[:, 0]
