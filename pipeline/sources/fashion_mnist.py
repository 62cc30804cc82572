"""Fashion-MNIST: articles of clothing in MNIST's format (Xiao, Rasul and Vollgraf 2017)."""

import shutil
import tempfile
from pathlib import Path

from pipeline.config.datasets import FashionMnist
from pipeline.sources import idx
from pipeline.sources.packages import gunzip, run
from pipeline.sources.raw import Raw, Unavailable

DIGESTS = {
    "train-images-idx3-ubyte": "c59f468a2f672dc815687fe0f83887768d799fd8a3f3276145d20f83aa44d888",
    "train-labels-idx1-ubyte": "bad3541b69d912435c50bb6ba87bec294ff4f6a2e1246121d8633921760443d9",
    "t10k-images-idx3-ubyte": "5b4141f0afbad91edebe8549f8fcffe087ea10ca49f1dbef5c9a5cd8815ce37b",
    "t10k-labels-idx1-ubyte": "0402a96d92fd2663957122ceb108a494c5af83dab82d92729df917d7dec38c34",
}
DEBIAN_PACKAGE = "dataset-fashion-mnist"


def fetch(source: FashionMnist) -> Raw:
    """All 70,000 images; SourceError lists every place that was tried."""
    places = {
        "torchvision's mirrors": from_mirrors,
        f"Debian package {DEBIAN_PACKAGE}": from_debian,
    }
    return idx.fetch("fashion_mnist", source.local, places, DIGESTS)


def from_mirrors() -> idx.Files:
    from torchvision.datasets import FashionMNIST

    return idx.from_mirrors(FashionMNIST.mirrors)


def from_debian() -> idx.Files:
    """Download the package and unpack it in a temporary folder; needs no root, installs nothing."""
    for program in ("apt-get", "dpkg-deb"):
        if shutil.which(program) is None:
            raise Unavailable(f"{program} is missing: this is neither Debian nor Ubuntu")
    with tempfile.TemporaryDirectory() as folder:
        # apt downloads as a user of its own, which must be able to enter the folder; else it warns
        Path(folder).chmod(0o755)
        run(["apt-get", "download", "--quiet", DEBIAN_PACKAGE], cwd=folder)
        (package,) = Path(folder).glob("*.deb")
        run(["dpkg-deb", "--extract", str(package), "unpacked"], cwd=folder)
        found = {path.name: path for path in Path(folder, "unpacked").rglob("*-ubyte.gz")}
        missing = [name for name in idx.NAMES if f"{name}.gz" not in found]
        if missing:
            raise Unavailable(f"the package has no {missing[0]}.gz (it holds {sorted(found)})")
        return {name: gunzip(name, found[f"{name}.gz"].read_bytes()) for name in idx.NAMES}
