"""What places deliver: cut short, damaged or hostile, it is refused in one line, and the next place is tried."""

import gzip
import http.client
import io
import pickle
import tarfile
import zipfile

import numpy as np
import pytest

from pipeline.errors import SourceError
from pipeline.sources import packages
from pipeline.sources.raw import Unavailable, first_available
from tests.io.damage import damaged


def refusals(read, content: bytes) -> int:
    """How many damaged versions of `content` are refused; any other exception fails the test."""
    refused = 0
    for _, bad in damaged(content):
        try:
            read(bad)
        except Unavailable as reason:
            assert len(str(reason).splitlines()) == 1
            refused += 1
    return refused


def test_damaged_gzip_is_refused():
    content = gzip.compress(np.random.default_rng(0).bytes(3000), mtime=0)
    assert refusals(lambda bad: packages.gunzip("digits", bad), content) > 40


def test_damaged_pickles_are_refused():
    content = pickle.dumps({b"data": np.zeros((3, 4), np.uint8), b"labels": [1, 2, 3]}, protocol=2)
    assert refusals(lambda bad: packages.restricted_pickle("batch", bad, "bytes"), content) > 40


def archive(kind: str) -> bytes:
    buffer = io.BytesIO()
    if kind == "zip":
        with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as opened:
            opened.writestr("data/a", b"abc" * 300)
    else:
        with tarfile.open(fileobj=buffer, mode="w:gz") as opened:
            member = tarfile.TarInfo("data/a")
            member.size = 900
            opened.addfile(member, io.BytesIO(b"abc" * 300))
    return buffer.getvalue()


@pytest.mark.parametrize("kind", ["zip", "tgz"])
def test_damaged_archives_are_refused(tmp_path, kind):
    path = tmp_path / f"package.{kind}"

    def read(content):
        path.write_bytes(content)
        return packages.member(tmp_path, "data/a")

    assert read(archive(kind)) == b"abc" * 300
    assert refusals(read, archive(kind)) > 30


def test_an_archive_that_unpacks_without_end_is_refused(monkeypatch, tmp_path):
    monkeypatch.setattr(packages, "LARGEST_BYTES", 800)
    with pytest.raises(Unavailable, match="more than 800 bytes"):
        packages.gunzip("digits", gzip.compress(bytes(900)))
    (tmp_path / "package.zip").write_bytes(archive("zip"))
    with pytest.raises(Unavailable, match="has no data/a"):
        packages.member(tmp_path, "data/a")


class Endless(io.BytesIO):
    length = None  # not announced

    def read(self, size: int = -1) -> bytes:
        assert size >= 0, "it would never return"
        return bytes(size)


def test_a_download_without_end_is_refused(monkeypatch):
    monkeypatch.setattr(packages, "LARGEST_BYTES", 800)
    monkeypatch.setattr(packages.urllib.request, "urlopen", lambda *_, **__: Endless())
    with pytest.raises(Unavailable, match=r"mirror.example cannot be read \(more than 800 bytes"):
        packages.read_url("https://mirror.example/a")


class CutShort(io.BytesIO):
    length = 100

    def read(self, *_):
        raise http.client.IncompleteRead(b"abc", 100)


def test_after_a_download_that_was_cut_short_the_next_place_is_tried(monkeypatch, capsys):
    monkeypatch.setattr(packages.urllib.request, "urlopen", lambda *_, **__: CutShort())
    digest = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"  # of b"abc"
    places = {
        "mirror": lambda: {"a": packages.read_url("https://mirror.example/a")},
        "package of another form": lambda: {"a": len(3)},  # type: ignore[arg-type]
        "local": lambda: {"a": b"abc"},
    }
    assert first_available("digits", places, {"a": digest}, "a") == {"a": b"abc"}
    said = capsys.readouterr().err
    assert "mirror.example cannot be read (IncompleteRead" in said
    assert "delivered something that cannot be read (TypeError" in said
    del places["local"]
    with pytest.raises(SourceError, match="no source delivered digits"):
        first_available("digits", places, {"a": digest}, "a")
