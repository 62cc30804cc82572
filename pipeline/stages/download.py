"""download D: fetch a dataset, verify it, keep it as it was published."""

import hashlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from pipeline.config.datasets import (
    Cifar10,
    Cifar100,
    Digits,
    FashionMnist,
    Folder,
    Kmnist,
    MixturePoints,
    Mnist,
    Npz,
    OwnImages,
    Parquet,
    Source,
    Svhn,
    Tfd,
    Zip,
)
from pipeline.io.files import write_json, write_npz
from pipeline.sources import (
    cifar10,
    cifar100,
    digits,
    fashion_mnist,
    folder,
    kmnist,
    mixture,
    mnist,
    npz,
    parquet,
    svhn,
    tfd,
    zipped,
)
from pipeline.sources.raw import TEST, TRAIN, VALID, Raw

FETCH: dict[type, Callable[[Any], Raw]] = {
    Mnist: mnist.fetch,
    FashionMnist: fashion_mnist.fetch,
    Kmnist: kmnist.fetch,
    Svhn: svhn.fetch,
    Cifar10: cifar10.fetch,
    Cifar100: cifar100.fetch,
    Tfd: tfd.fetch,
    Digits: digits.fetch,
    MixturePoints: mixture.fetch,
}
# the user's own images, which an error names by their dataset
FETCH_OWN: dict[type, Callable[[Any, str], Raw]] = {
    Folder: folder.fetch,
    Zip: zipped.fetch,
    Npz: npz.fetch,
    Parquet: parquet.fetch,
}


def run(source: Source, images: Path, provenance: Path) -> None:
    """Write the dataset to `images` (.npz) and where it came from to `provenance` (.json)."""
    if isinstance(source, OwnImages):
        raw = FETCH_OWN[type(source)](source, images.stem)
    else:
        raw = FETCH[type(source)](source)
    more = {} if raw.folds is None else {"folds": raw.folds}
    if raw.class_names:
        more["class_names"] = np.array(raw.class_names)
    write_npz(images, images=raw.images, labels=raw.labels, split=raw.split, **more)
    write_json(provenance, {"licence": source.licence, **describe(raw)})


def describe(raw: Raw) -> dict:
    """Provenance, counts and a digest of the images, to check the file against."""
    return {
        **raw.provenance,
        "shape": list(raw.images.shape),
        "train": int(np.sum(raw.split == TRAIN)),
        "test": int(np.sum(raw.split == TEST)),
        **({"valid": int(np.sum(raw.split == VALID))} if raw.folds is not None else {}),
        "images_sha256": hashlib.sha256(np.ascontiguousarray(raw.images).data).hexdigest(),
    }
