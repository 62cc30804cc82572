"""python -m benchmarks.sampling: drawing images from a G, against a plain loop and the floor.

For the paper's G and a DCGAN's (benchmarks/pairs.py). Compared: the stage without writing its file; the
same layers as PyTorch modules in batches of 1,000; the products alone. All float32.
"""

import os

os.environ.setdefault("GOMP_SPINCOUNT", "10000")

import torch

from benchmarks.measure import interleaved, show
from benchmarks.pairs import Pair, dcgan, paper
from benchmarks.training import THREADS
from pipeline.compute import devices
from pipeline.compute.streams import generator
from pipeline.models.gan.nets import generator_of
from pipeline.models.gan.sampling import SymmetricGenerator, draw

SAMPLES, BLOCK = 10_000, 1_000
ROUNDS = 9


@torch.no_grad()
def rows(pair: Pair) -> list[tuple]:
    train = pair.settings("alternating", "float32")
    net = generator_of(train, (1, 28, 28), 0, generator(0, "sample layers"))
    G = SymmetricGenerator(net, train, 0).eval()
    plain = pair.plain()[0].eval()
    products = [
        layer.forward(BLOCK) for layer in pair.layers(torch.float32, torch.channels_last)[0]
    ]
    blocks = range(SAMPLES // BLOCK)
    seconds = interleaved(
        {
            "ours": lambda: [*draw(G, SAMPLES, BLOCK, seed=0)],
            "plain loop": lambda: [plain(torch.randn(BLOCK, pair.noise)) for _ in blocks],
            "floor: products": lambda: [product() for _ in blocks for product in products],
        },
        ROUNDS,
    )
    floor = seconds["floor: products"]
    return [
        (pair.name, name, f"{s:.3f}", f"{SAMPLES / s:,.0f}", f"{s / floor:.2f}")
        for name, s in seconds.items()
    ]


def main() -> None:
    devices.reproducible(THREADS)
    header = ("nets", "how", "seconds", "images/s", "times the floor")
    found = [row for pair in (paper(dropout=True), dcgan()) for row in rows(pair)]
    show(f"{SAMPLES:,} samples, float32, {THREADS} threads", header, found, "sampling")


if __name__ == "__main__":
    main()
