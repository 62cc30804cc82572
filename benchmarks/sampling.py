"""python -m benchmarks.sampling: drawing images from the paper's G, against a plain loop and the floor.

Compared: the stage without writing its file; the same layers as PyTorch modules in batches of 1,000; the
matrix products alone. All float32.
"""

import os

os.environ.setdefault("GOMP_SPINCOUNT", "10000")

import torch
from torch import nn

from benchmarks.measure import interleaved, show
from benchmarks.training import THREADS, Z, settings
from pipeline.compute import devices
from pipeline.compute.streams import generator
from pipeline.models.gan.nets import generator_of
from pipeline.models.gan.sampling import SymmetricGenerator, draw

SAMPLES, BLOCK = 10_000, 1_000
LAYERS = ((Z, 1200), (1200, 1200), (1200, 784))
ROUNDS = 9


@torch.no_grad()
def main() -> None:
    devices.reproducible(THREADS)
    train = settings("simultaneous", "float32", dropout=True)
    net = generator_of(train, (1, 28, 28), 0, generator(0, "sample layers"))
    G = SymmetricGenerator(net, train, 0).eval()
    first, second, third = (nn.Linear(*layer) for layer in LAYERS)
    plain = nn.Sequential(first, nn.ReLU(), second, nn.ReLU(), third, nn.Tanh())
    pairs = [(torch.randn(BLOCK, rows), torch.randn(rows, columns)) for rows, columns in LAYERS]
    seconds = interleaved(
        {
            "ours": lambda: [*draw(G, SAMPLES, BLOCK, seed=0)],
            "plain loop": lambda: [plain(torch.randn(BLOCK, Z)) for _ in range(SAMPLES // BLOCK)],
            "floor: products": lambda: [a @ b for a, b in pairs * (SAMPLES // BLOCK)],
        },
        ROUNDS,
    )
    floor = seconds["floor: products"]
    rows = [
        (name, f"{s:.3f}", f"{SAMPLES / s:,.0f}", f"{s / floor:.2f}") for name, s in seconds.items()
    ]
    header = ("how", "seconds", "images/s", "times the floor")
    show(f"{SAMPLES:,} samples, float32, {THREADS} threads", header, rows, "sampling")


if __name__ == "__main__":
    main()
