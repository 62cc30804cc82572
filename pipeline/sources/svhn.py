"""Street View House Numbers: digits of house numbers, colour, 32 x 32 (Netzer et al. 2011)."""

import io

import numpy as np

from pipeline.config.datasets import Svhn
from pipeline.errors import SourceError
from pipeline.sources.packages import read_url
from pipeline.sources.raw import TEST, TRAIN, Raw, first_available, with_local, with_sha256

# MD5, as torchvision gives them
DIGESTS = {
    "train_32x32.mat": "e26dedcc434d2e4c54c9b2d4a06d8373",
    "test_32x32.mat": "eb5a983be6a315427106f1b164d9cef3",
}


def fetch(source: Svhn) -> Raw:
    """73,257 training and 26,032 test images, without the 531,131 extra ones; SourceError lists every place that
    was tried."""
    places = with_local(source.local, list(DIGESTS), {"torchvision's mirror": from_mirror})
    files = first_available("svhn", places, DIGESTS, " and ".join(DIGESTS))
    (train, train_labels), (test, test_labels) = (read(name, files[name]) for name in DIGESTS)
    return Raw(
        images=np.concatenate([train, test]),
        labels=np.concatenate([train_labels, test_labels]),
        split=np.repeat(np.array([TRAIN, TEST], np.uint8), [len(train), len(test)]),
        provenance=with_sha256(files, DIGESTS),
    )


def from_mirror() -> dict[str, bytes]:
    from torchvision.datasets import SVHN

    return {name: read_url(SVHN.split_list[name.partition("_")[0]][0]) for name in DIGESTS}


def read(name: str, content: bytes) -> tuple[np.ndarray, np.ndarray]:
    """uint8 images [N, 32, 32, 3] and int64 digits [N] of a MATLAB file, which has been verified.

    The file calls the digit 0 "10"; its arrays are X [32, 32, 3, N] and y [N, 1].
    """
    from scipy.io import loadmat  # half a second to import

    arrays = loadmat(io.BytesIO(content), variable_names=("X", "y"))
    images, digits = arrays["X"], arrays["y"].reshape(-1).astype(np.int64)
    if images.dtype != np.uint8 or images.shape != (32, 32, 3, len(digits)):
        raise SourceError(
            f"{name}: expected uint8 images [32, 32, 3, {len(digits)}], got {images.dtype} "
            f"{list(images.shape)}; is it SVHN's format 2, cropped digits?"
        )
    return images.transpose(3, 0, 1, 2), digits % 10
