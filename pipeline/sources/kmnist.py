"""Kuzushiji-MNIST: cursive hiragana in MNIST's format (Clanuwat et al. 2018)."""

from pipeline.config.datasets import Kmnist
from pipeline.sources import idx
from pipeline.sources.packages import gunzip, read_url
from pipeline.sources.raw import Raw, first_available, with_local, with_sha256

# MD5 of the compressed files, as torchvision gives them
DIGESTS = {
    "train-images-idx3-ubyte.gz": "bdb82020997e1d708af4cf47b453dcf7",
    "train-labels-idx1-ubyte.gz": "e144d726b3acfaa3e44228e80efcd344",
    "t10k-images-idx3-ubyte.gz": "5c965bf0a639b31b8f53240b1b52f4d7",
    "t10k-labels-idx1-ubyte.gz": "7320c461ea6c1c855c0b718fb2a4b134",
}


def fetch(source: Kmnist) -> Raw:
    """All 70,000 images; SourceError lists every place that was tried."""
    places = with_local(source.local, list(DIGESTS), {"torchvision's mirror": from_mirror})
    zipped = first_available("kmnist", places, DIGESTS, ", ".join(DIGESTS))
    files = {name: gunzip(name, zipped[f"{name}.gz"]) for name in idx.NAMES}
    return idx.raw(files, with_sha256(zipped, DIGESTS))


def from_mirror() -> dict[str, bytes]:
    from torchvision.datasets import KMNIST

    (mirror,) = KMNIST.mirrors
    return {name: read_url(f"{mirror}{name}") for name in DIGESTS}
