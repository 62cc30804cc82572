"""The 8 x 8 digits of scikit-learn: no network, real handwriting, seconds to train on."""

import numpy as np

from pipeline.config.datasets import Digits
from pipeline.sources.raw import TEST, TRAIN, Raw

TEST_IMAGES = 297


def fetch(source: Digits) -> Raw:
    """All 1,797 images, the last 297 as the test set; grey levels 0..16 spread over 0..255."""
    from sklearn import __version__
    from sklearn.datasets import load_digits

    bunch = load_digits()
    split = np.full(len(bunch.target), TRAIN, np.uint8)
    split[-TEST_IMAGES:] = TEST
    return Raw(
        images=np.round(bunch.images * (255 / 16)).astype(np.uint8)[..., None],
        labels=bunch.target.astype(np.int64),
        split=split,
        provenance={"source": f"scikit-learn {__version__}"},
    )
