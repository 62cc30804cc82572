"""normalize D: pixels to [-1, 1], and the authors' split into train, valid and test."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np

from pipeline.config.datasets import Normalize
from pipeline.errors import DataError
from pipeline.files import Blocks, read_npz, write_safetensors
from pipeline.sources.raw import TEST, TRAIN

BLOCK = 4096  # images in float32 at a time


def run(normalize: Normalize, raw: Path, out: Path) -> None:
    arrays = read_npz(raw)
    tensors: dict[str, Blocks] = {}
    for part, rows in split_rows(arrays["split"], normalize.validation_images).items():
        images, labels = arrays["images"][rows], arrays["labels"][rows]
        count, height, width, channels = images.shape
        shape = (count, channels, height, width)
        tensors[f"{part}_images"] = ("float32", shape, normalized_blocks(images))
        tensors[f"{part}_labels"] = ("int64", (count,), iter([labels.astype("<i8").tobytes()]))
    write_safetensors(out, tensors)


def split_rows(split: np.ndarray, validation_images: int) -> dict[str, np.ndarray]:
    """Row numbers of each part; validation takes the last training rows, as the authors did."""
    train, test = np.flatnonzero(split == TRAIN), np.flatnonzero(split == TEST)
    if validation_images >= len(train):
        raise DataError(
            f"normalize.validation_images is {validation_images:,}, but there are only "
            f"{len(train):,} training images; leave some to train on"
        )
    return {"train": train[:-validation_images], "valid": train[-validation_images:], "test": test}


def normalized_blocks(images_NHWC: np.ndarray) -> Iterator[bytes]:
    """float32 bytes in [-1, 1], NCHW, `BLOCK` images at a time; float images are taken as they are."""
    for start in range(0, len(images_NHWC), BLOCK):
        block = images_NHWC[start : start + BLOCK].transpose(0, 3, 1, 2)
        if block.dtype == np.uint8:
            block = block.astype(np.float32) / np.float32(127.5) - np.float32(1)
        yield np.ascontiguousarray(block, dtype="<f4").tobytes()
