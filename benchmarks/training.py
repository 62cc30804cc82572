"""python -m benchmarks.training: a training step against a plain loop and against the floor.

For the paper's nets, a DCGAN (benchmarks/pairs.py) and SNGAN's (benchmarks/residual.py; `python -m benchmarks.training
training_sngan` is this one alone), in float32 and in bf16. The floor of an update
(benchmarks/floor.py) is the time of its products in the cheapest precision and of its optimiser's passes
over memory, each measured alone. The last lines say what pipeline/processors.json should know of this processor.
"""

import math
import os
import sys

os.environ.setdefault("GOMP_SPINCOUNT", "10000")

from collections.abc import Callable

import torch

from benchmarks import floor
from benchmarks.measure import interleaved, show
from benchmarks.pairs import LAYOUTS, Pair, dcgan, paper, plain_loop
from benchmarks.residual import sngan
from pipeline.compute import allocator, devices
from pipeline.compute.precision import processor
from pipeline.models.gan.training import Training

THREADS = 2
NUMBERS = 50_000 * 784  # of the training images, as many as MNIST's
PRECISIONS = {"float32": torch.float32, "bf16": torch.bfloat16}
HEADER = ("step", "ms", "images/s", "times as fast as the plain loop", "times the floor")


def main() -> None:
    devices.reproducible(THREADS)
    allocator.keep_freed_memory()
    for pair, update, name in (
        (paper(dropout=True), "simultaneous", "training_dropout"),
        (paper(dropout=False), "simultaneous", "training_plain"),
        (dcgan(), "alternating", "training_dcgan"),
        (sngan(), "alternating", "training_sngan"),
    ):
        if sys.argv[1:] and name not in sys.argv[1:]:
            continue
        images = torch.rand(NUMBERS // math.prod(pair.shape), *pair.shape) * 2 - 1
        seconds = measured(pair, images)
        show(
            f"{pair.name}, batch {pair.batch}, {THREADS} threads",
            HEADER,
            table(pair, seconds),
            name,
        )
        low, full = (seconds[f"{update}, {name}"] * 1e3 for name in ("bf16", "float32"))
        largest = Training(
            pair.settings(update, "float32"), 0, images[: pair.batch], torch.device("cpu")
        ).products
        print(
            f"{processor()}, {largest.kind} of up to {largest.multiply_adds:,} multiply-adds: {update} step "
            f"{full:.1f} ms in float32, {low:.1f} ms in bf16. pipeline/processors.json should have "
            f"bf16_from: {largest.multiply_adds if low < full else 'null'} for it."
        )


def measured(pair: Pair, images: torch.Tensor) -> dict[str, float]:
    """Seconds of a step of each kind, and of each part of its floor."""
    cpu = torch.device("cpu")
    players = {
        (update, name): Training(pair.settings(update, name), 0, images, cpu)
        for update in pair.updates
        for name in PRECISIONS
    }
    steps: dict[str, Callable[[], object]] = {"plain loop, float32": plain_loop(pair, images)}
    for (update, name), training in players.items():
        dtype = PRECISIONS[name]
        weights = training.G.vector.numel() + training.D.vector.numel()
        steps |= {
            f"{update}, {name}": training.advance,
            f"floor of {update}: memory, {name}": floor.passes(weights, dtype),
        }
        for kind, layout in LAYOUTS.items():
            products = floor.products(update, *pair.layers(dtype, layout), pair.batch)
            steps[f"floor of {update}: products, {name}, {kind}"] = products

    def repeated(step: Callable[[], object]) -> Callable[[], object]:
        return lambda: [step() for _ in range(pair.steps)]

    seconds = interleaved({name: repeated(step) for name, step in steps.items()}, pair.rounds)
    return {name: s / pair.steps for name, s in seconds.items()}


def table(pair: Pair, seconds: dict[str, float]) -> list[tuple]:
    """Rows of HEADER; the floor of an update is that of its cheapest precision and layout."""
    plain = seconds["plain loop, float32"]
    rows = []
    for update in pair.updates:
        floors = {
            name: seconds[f"floor of {update}: memory, {name}"]
            + min(seconds[f"floor of {update}: products, {name}, {kind}"] for kind in LAYOUTS)
            for name in PRECISIONS
        }
        cheapest = min(floors, key=lambda name: floors[name])
        least = floors[cheapest]
        for name in PRECISIONS:
            s = seconds[f"{update}, {name}"]
            rows.append(row(pair, f"{update}, {name}", s, plain, least))
        if update == "alternating":  # what the plain loop makes, too
            rows.append(row(pair, "plain loop, float32", plain, plain, least))
        rows.append(row(pair, f"floor of {update}: {cheapest}", least, plain, least))
    return rows


def row(pair: Pair, name: str, s: float, plain: float, least: float) -> tuple:
    return name, f"{s * 1e3:.1f}", f"{pair.batch / s:,.0f}", f"{plain / s:.2f}", f"{s / least:.2f}"


if __name__ == "__main__":
    main()
