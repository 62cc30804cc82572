"""KMNIST, SVHN and CIFAR-100 on files of the published formats with few images: the real ones cannot be had here."""

import gzip
import hashlib
import io
from collections.abc import Callable
from types import ModuleType
from typing import Any

import numpy as np
import pytest
from scipy.io import savemat

from pipeline.config.datasets import SHAPES, Cifar100, Kmnist, Svhn
from pipeline.errors import SourceError
from pipeline.sources import cifar100, idx, kmnist, svhn
from pipeline.sources.raw import Unavailable
from tests.sources.test_cifar10 import archive, pickled

TRAIN, TEST = 5, 3
random = np.random.default_rng(0)


def images(count: int, *shape: int) -> np.ndarray:
    return random.integers(0, 256, (count, *shape), np.uint8)


def kmnist_files() -> tuple[dict[str, bytes], np.ndarray, list[int]]:
    pixels, labels = images(TRAIN + TEST, 28, 28), list(range(TRAIN + TEST))
    arrays = [pixels[:TRAIN], np.uint8(labels[:TRAIN]), pixels[TRAIN:], np.uint8(labels[TRAIN:])]
    files = {
        f"{name}.gz": gzip.compress(idx.format_idx(array), 1)
        for name, array in zip(idx.NAMES, arrays, strict=True)
    }
    return files, pixels[..., None], labels


def svhn_files() -> tuple[dict[str, bytes], np.ndarray, list[int]]:
    """The digit 0 is called 10."""
    pixels, labels = images(TRAIN + TEST, 32, 32, 3), [1, 2, 0, 9, 5, 0, 7, 8]
    files = {}
    for name, rows in zip(
        ("train_32x32.mat", "test_32x32.mat"), (slice(TRAIN), slice(TRAIN, None)), strict=True
    ):
        buffer = io.BytesIO()
        digits = np.uint8([label or 10 for label in labels[rows]])[:, None]
        savemat(buffer, {"X": pixels[rows].transpose(1, 2, 3, 0), "y": digits})
        files[name] = buffer.getvalue()
    return files, pixels, labels


def cifar100_files() -> tuple[dict[str, bytes], np.ndarray, list[int]]:
    pixels, labels = images(TRAIN + TEST, 32, 32, 3), [99, 0, 1, 2, 50, 3, 98, 4]
    planes = pixels.transpose(0, 3, 1, 2).reshape(TRAIN + TEST, -1)
    members = {
        name: pickled(
            {b"data": planes[rows], b"fine_labels": labels[rows], b"coarse_labels": labels[rows]}
        )
        for name, rows in (("train", slice(TRAIN)), ("test", slice(TRAIN, None)))
    }
    members["meta"] = pickled({b"fine_label_names": [b"class %d" % n for n in range(100)]})
    return {cifar100.ARCHIVE: archive(members)}, pixels, labels


Case = tuple[ModuleType, Callable[[str], Any], dict[str, bytes], np.ndarray, list[int]]
CASES = {
    "kmnist": (kmnist, lambda at: Kmnist(name="kmnist", local=at), kmnist_files),
    "svhn": (svhn, lambda at: Svhn(name="svhn", local=at), svhn_files),
    "cifar100": (cifar100, lambda at: Cifar100(name="cifar100", local=at), cifar100_files),
}


@pytest.fixture(params=CASES)
def case(request, tmp_path, monkeypatch: pytest.MonkeyPatch) -> Case:
    """The source, its settings, and a folder with its files, whose digests are the expected ones; no mirror."""
    source, settings, make = CASES[request.param]
    files, pixels, labels = make()
    for name, content in files.items():
        (tmp_path / name).write_bytes(content)
        digest = hashlib.md5(content, usedforsecurity=False).hexdigest()
        monkeypatch.setitem(source.DIGESTS, name, digest)

    def refuse():
        raise Unavailable("no network")

    monkeypatch.setattr(source, "from_mirror", refuse)
    return source, settings, files, pixels, labels


def test_a_local_folder_gives_the_published_images(case: Case, tmp_path, capsys):
    source, settings, files, pixels, labels = case
    raw = source.fetch(settings(str(tmp_path)))
    assert "by MD5" in capsys.readouterr().err
    assert np.array_equal(raw.images, pixels) and raw.images.dtype == np.uint8
    assert raw.labels.tolist() == labels and raw.labels.dtype == np.int64
    assert raw.split.tolist() == [0] * TRAIN + [1] * TEST
    channels, height, width = SHAPES[settings("x").name]
    assert raw.images.shape[1:] == (height, width, channels)
    assert raw.provenance["sha256"] == {
        name: hashlib.sha256(content).hexdigest() for name, content in files.items()
    }
    if source is cifar100:
        assert raw.class_names[99] == "class 99"


def test_other_bytes_are_refused_before_they_are_read(case: Case, tmp_path):
    source, settings, files, *_ = case
    name = list(files)[-1]
    (tmp_path / name).write_bytes(files[name] + b" ")
    with pytest.raises(SourceError, match=rf"wrong {name} \(.* bytes, MD5 .*\n.*no network"):
        source.fetch(settings(str(tmp_path)))
    (tmp_path / name).unlink()
    with pytest.raises(SourceError, match=rf"local folder .*: has no {name}\n"):
        source.fetch(settings(str(tmp_path)))


def test_the_digests_are_torchvisions():
    from torchvision.datasets import CIFAR100, KMNIST, SVHN

    assert list(kmnist.DIGESTS.items()) == KMNIST.resources
    assert {
        name: md5 for _, name, md5 in (SVHN.split_list[part] for part in ("train", "test"))
    } == svhn.DIGESTS
    assert {CIFAR100.filename: CIFAR100.tgz_md5} == cifar100.DIGESTS


def test_a_pickle_with_more_than_arrays_is_refused_even_if_the_digest_fits(
    tmp_path, monkeypatch: pytest.MonkeyPatch
):
    harmful = b"cos\nsystem\n(S'touch harmed'\ntR."
    content = archive({"train": harmful, "test": harmful, "meta": harmful})
    (tmp_path / cifar100.ARCHIVE).write_bytes(content)
    digest = hashlib.md5(content, usedforsecurity=False).hexdigest()
    monkeypatch.setitem(cifar100.DIGESTS, cifar100.ARCHIVE, digest)
    with pytest.raises(Unavailable, match=r"names os\.system"):
        cifar100.fetch(Cifar100(name="cifar100", local=str(tmp_path)))
