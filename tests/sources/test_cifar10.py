"""On archives of the published format with few images: the real ones cannot be had here."""

import hashlib
import io
import pickle
import struct
import tarfile
from typing import ClassVar

import numpy as np
import pytest

from pipeline.config.datasets import Cifar10
from pipeline.errors import SourceError
from pipeline.sources import cifar10 as source
from pipeline.sources.raw import Unavailable

ROWS = 4  # of each batch
random = np.random.default_rng(0)
PIXELS = random.integers(0, 256, (6, ROWS, source.PIXELS), np.uint8)
LABELS = random.integers(0, 10, (6, ROWS))


class Python2(pickle._Pickler):
    """Writes bytes as Python 2 wrote its strings: the published files are that old."""

    dispatch: ClassVar = dict(pickle._Pickler.dispatch)

    def save_bytes(self, content: bytes) -> None:
        self.write(pickle.BINSTRING + struct.pack("<i", len(content)) + content)

    dispatch[bytes] = save_bytes


def pickled(content: dict) -> bytes:
    buffer = io.BytesIO()
    Python2(buffer, protocol=2).dump(content)
    return buffer.getvalue()


def archive(members: dict[str, bytes]) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as opened:
        for name, content in members.items():
            member = tarfile.TarInfo(f"cifar-10/{name}")
            member.size = len(content)
            opened.addfile(member, io.BytesIO(content))
    return buffer.getvalue()


def published(name: str) -> bytes:
    members = {}
    for batch, pixels, labels in zip(source.BATCHES, PIXELS, LABELS, strict=True):
        if name == source.PICKLES:
            content = {b"data": pixels, b"labels": labels.tolist(), b"batch_label": b"x"}
            members[batch] = pickled(content)
        else:
            rows = np.concatenate([labels[:, None].astype(np.uint8), pixels], axis=1)
            members[f"{batch}.bin"] = rows.tobytes()
    return archive(members)


@pytest.fixture(params=[source.PICKLES, source.ROWS])
def local(request, tmp_path, monkeypatch: pytest.MonkeyPatch):
    """A folder with one of the two archives, whose digest is the expected one; no mirror."""
    content = published(request.param)
    (tmp_path / request.param).write_bytes(content)
    digest = hashlib.sha256(content).hexdigest()
    monkeypatch.setitem(source.DIGESTS, request.param, digest)

    def refuse():
        raise Unavailable("no network")

    monkeypatch.setattr(source, "from_mirror", refuse)
    return tmp_path


def test_both_archives_give_the_same_images(local):
    raw = source.fetch(Cifar10(name="cifar10", local=str(local)))
    assert raw.images.shape == (6 * ROWS, 32, 32, 3)
    assert raw.labels.tolist() == LABELS.ravel().tolist()
    assert raw.split.tolist() == [0] * 5 * ROWS + [1] * ROWS
    # planes of red, green and blue, each row by row
    assert raw.images[0, 0, 1].tolist() == PIXELS[0, 0, [1, 1025, 2049]].tolist()


def test_an_archive_with_another_digest_is_never_unpacked(local, monkeypatch):
    monkeypatch.setattr(source, "unpack", lambda *archive: pytest.fail("unpacked"))
    for path in local.iterdir():
        path.write_bytes(path.read_bytes() + b" ")
    with pytest.raises(SourceError, match=r"delivered a wrong cifar-10-.*\n.*no network"):
        source.fetch(Cifar10(name="cifar10", local=str(local)))


def test_a_folder_without_an_archive_says_what_is_looked_for(tmp_path):
    with pytest.raises(Unavailable, match=r"neither cifar-10-python.tar.gz nor cifar-10-binary"):
        source.from_folder(tmp_path)
