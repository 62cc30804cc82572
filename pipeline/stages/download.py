"""download D: fetch a dataset, verify it, keep it as it was published."""

import hashlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from pipeline.config.datasets import Digits, Mixture, Mnist
from pipeline.files import write_json, write_npz
from pipeline.sources import digits, mixture, mnist
from pipeline.sources.raw import TEST, TRAIN, Raw

FETCH: dict[type, Callable[[Any], Raw]] = {
    Mnist: mnist.fetch,
    Digits: digits.fetch,
    Mixture: mixture.fetch,
}


def run(source: Mnist | Digits | Mixture, images: Path, provenance: Path) -> None:
    raw = FETCH[type(source)](source)
    write_npz(images, images=raw.images, labels=raw.labels, split=raw.split)
    write_json(provenance, describe(raw))


def describe(raw: Raw) -> dict:
    """Provenance plus what anybody can check against the file."""
    return {
        **raw.provenance,
        "shape": list(raw.images.shape),
        "train": int(np.sum(raw.split == TRAIN)),
        "test": int(np.sum(raw.split == TEST)),
        "images_sha256": hashlib.sha256(np.ascontiguousarray(raw.images).data).hexdigest(),
    }
