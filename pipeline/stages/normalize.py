"""normalize D: pixels to [-1, 1], and the authors' split into train, valid and test."""

from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from pipeline.config.datasets import Normalize
from pipeline.errors import DataError
from pipeline.io.files import Blocks, read_npz, write_safetensors
from pipeline.sources.raw import TEST, TRAIN, VALID

BLOCK = 4096  # images converted to float32 at a time
FLAT = 1e-8  # an image of a smaller norm has no contrast to normalise (authors)


def run(normalize: Normalize, raw: Path, out: Path) -> None:
    """Write float32 images [N, C, H, W] and int64 labels [N] of train, valid and test to `out`.

    The classes' names, where they have any, are kept beside them. With folds also `fold_images`, those that are in a fold, and `folds` [N, folds]. DataError if no training
    images would be left.
    """
    arrays = read_npz(raw)
    pixels = (
        symmetric if normalize.gcn is None else partial(contrast_normalized, norm=normalize.gcn)
    )
    tensors: dict[str, Blocks] = {}
    for part, rows in split_rows(arrays["split"], normalize.validation_images).items():
        labels = arrays["labels"][rows]
        tensors[f"{part}_images"] = blocks(arrays["images"][rows], pixels)
        tensors[f"{part}_labels"] = whole(labels)
    if "folds" in arrays:
        labelled = arrays["folds"].any(axis=1)
        tensors["fold_images"] = blocks(arrays["images"][labelled], pixels)
        tensors["folds"] = whole(arrays["folds"][labelled])
    about: dict[str, Any] = {} if normalize.gcn is None else {"gcn": normalize.gcn}
    if "class_names" in arrays:
        about["class_names"] = arrays["class_names"].tolist()
    write_safetensors(out, tensors, about)


def split_rows(split: np.ndarray, validation_images: int | None) -> dict[str, np.ndarray]:
    """Row numbers of each part; validation takes the last training rows, as the authors did, unless
    the dataset says which rows validate."""
    train, test = np.flatnonzero(split == TRAIN), np.flatnonzero(split == TEST)
    if validation_images is None:
        return {"train": train, "valid": np.flatnonzero(split == VALID), "test": test}
    if validation_images >= len(train):
        raise DataError(
            f"normalize.validation_images is {validation_images:,}, but there are only "
            f"{len(train):,} training images; leave some to train on"
        )
    return {"train": train[:-validation_images], "valid": train[-validation_images:], "test": test}


def whole(integers: np.ndarray) -> Blocks:
    """The array as one block of int64."""
    return "int64", integers.shape, iter([integers.astype("<i8").tobytes()])


def blocks(images_NHWC: np.ndarray, pixels) -> Blocks:
    """The images as float32 NCHW, `BLOCK` at a time, through `pixels`; float images are not scaled."""
    count, height, width, channels = images_NHWC.shape

    def parts() -> Iterator[bytes]:
        for start in range(0, count, BLOCK):
            block = images_NHWC[start : start + BLOCK].transpose(0, 3, 1, 2)
            if block.dtype == np.uint8:
                block = pixels(block)
            yield np.ascontiguousarray(block, dtype="<f4").tobytes()

    return "float32", (count, channels, height, width), parts()


def symmetric(block_NCHW: np.ndarray) -> np.ndarray:
    """uint8 -> [-1, 1]."""
    return block_NCHW.astype(np.float32) / np.float32(127.5) - np.float32(1)


def contrast_normalized(block_NCHW: np.ndarray, norm: float) -> np.ndarray:
    """Each image minus its mean, scaled to the L2 norm `norm` (authors' GCN, without bias or division by
    the standard deviation)."""
    images_NP = block_NCHW.reshape(len(block_NCHW), -1).astype(np.float64)
    images_NP -= images_NP.mean(axis=1, keepdims=True)
    length_N1 = np.sqrt((images_NP**2).sum(axis=1, keepdims=True))
    length_N1[length_N1 < FLAT] = 1
    return (images_NP / length_N1 * norm).reshape(block_NCHW.shape)
