"""CIFAR-100: 60,000 colour photographs in a hundred classes, 32 x 32 (Krizhevsky 2009)."""

import numpy as np

from pipeline.config.datasets import Cifar100
from pipeline.sources.cifar10 import PIXELS
from pipeline.sources.packages import members, read_url, restricted_pickle
from pipeline.sources.raw import TEST, TRAIN, Raw, first_available, with_local, with_sha256

ARCHIVE = "cifar-100-python.tar.gz"
DIGESTS = {ARCHIVE: "eb9058c3a382ffc7106e4002c42a8d85"}  # MD5, as torchvision gives it


def fetch(source: Cifar100) -> Raw:
    """50,000 training and 10,000 test images with the fine labels; SourceError lists every place that was tried."""
    places = with_local(source.local, [ARCHIVE], {"torchvision's mirror": from_mirror})
    files = first_available("cifar100", places, DIGESTS, ARCHIVE)
    parts = members(files[ARCHIVE], ("train", "test", "meta"))
    train, test, meta = (restricted_pickle(name, parts[name], "bytes") for name in parts)
    images = np.concatenate([train[b"data"], test[b"data"]]).reshape(-1, PIXELS)
    labels = np.concatenate([train[b"fine_labels"], test[b"fine_labels"]])
    return Raw(
        images=images.reshape(-1, 3, 32, 32).transpose(0, 2, 3, 1),
        labels=labels.astype(np.int64),
        split=np.repeat(
            np.array([TRAIN, TEST], np.uint8), [len(train[b"data"]), len(test[b"data"])]
        ),
        class_names=tuple(name.decode("ascii") for name in meta[b"fine_label_names"]),
        provenance=with_sha256(files, DIGESTS),
    )


def from_mirror() -> dict[str, bytes]:
    from torchvision.datasets import CIFAR100

    return {ARCHIVE: read_url(CIFAR100.url)}
