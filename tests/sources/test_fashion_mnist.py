import gzip

import numpy as np
import pytest

from pipeline.config.datasets import FashionMnist
from pipeline.errors import SourceError
from pipeline.sources import fashion_mnist as source
from pipeline.sources import packages
from pipeline.sources.raw import Unavailable


def test_debians_package_holds_the_genuine_images():
    """60,000 and 10,000 images, as many of each kind; the digests are checked on the way."""
    raw = source.fetch(FashionMnist(name="fashion_mnist"))
    assert raw.images.shape == (70_000, 28, 28, 1)
    for split, count in ((0, 6_000), (1, 1_000)):
        assert np.bincount(raw.labels[raw.split == split]).tolist() == [count] * 10
    pixels = raw.images[:60_000] / 255
    assert (round(pixels.mean(), 4), round(pixels.std(), 4)) == (0.2860, 0.3530)


def test_a_machine_without_apt_says_so(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(source.shutil, "which", lambda program: None)
    with pytest.raises(Unavailable, match="apt-get is missing"):
        source.from_debian()


def test_a_package_with_other_contents_is_refused(monkeypatch: pytest.MonkeyPatch, tmp_path):
    """Whatever it delivers is compared with the published digests."""
    wrong = dict.fromkeys(source.DIGESTS, b"something else")
    monkeypatch.setattr(source, "from_mirrors", lambda: wrong)
    monkeypatch.setattr(source, "from_debian", lambda: wrong)
    with pytest.raises(SourceError) as error:
        source.fetch(FashionMnist(name="fashion_mnist"))
    assert str(error.value).count("delivered a wrong train-images-idx3-ubyte") == 2


def test_a_gzip_file_cut_short_is_named():
    with pytest.raises(Unavailable, match=r"x\.gz that is not a whole gzip file"):
        packages.gunzip("x", gzip.compress(b"content")[:-4])
