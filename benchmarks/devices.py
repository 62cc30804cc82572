"""python -m benchmarks.devices: two ranks on two cores against one process, and what torch.compile gives.

Two ranks on the cores of one process cannot be faster; the time they lose is the overhead of several devices:
the mean over ranks, and random numbers that each rank draws for all. Within each round rank 0 also trains
alone while rank 1 waits, so that drift of the machine's speed affects all alternatives alike.
"""

import sys
from collections.abc import Callable

import torch
import torch.distributed as dist

from benchmarks.measure import interleaved, show
from benchmarks.pairs import paper
from pipeline.compute import devices, parallel, streams
from pipeline.compute.parallel import ALONE, World
from pipeline.engine import ranks
from pipeline.models.gan.training import Training

STEPS = 5
ROUNDS = 9
CPU = torch.device("cpu")


def repeated(step: Callable[[], object]) -> Callable[[], object]:
    """A function that makes STEPS steps."""
    return lambda: [step() for _ in range(STEPS)]


def norm_of(train, norm: str):
    G = train.generator.model_copy(update={"norm": norm})
    return train.model_copy(update={"generator": G})


def two_ranks(world: World) -> None:
    """Time both games; each rank runs this."""
    images = torch.rand(5_000, 1, 28, 28) * 2 - 1
    pair = paper(dropout=True)
    plain = pair.settings("simultaneous", "float32")
    games = {"no BatchNorm": plain, "BatchNorm in G": norm_of(plain, "batch")}
    steps: dict[str, Callable[[], object]] = {}
    for words, game in games.items():
        alone, shared = (Training(game, 0, images, CPU, world=w) for w in (ALONE, world))
        for threads in (2, 1):
            steps[f"one process, {threads} threads, {words}"] = by_rank_0(world, alone, threads)
        steps[f"two ranks of one thread, {words}"] = repeated(shared.advance)
    weights = torch.zeros(shared.G.vector.numel() + shared.D.vector.numel())
    steps["its mean over ranks, both players"] = repeated(lambda: world.average(weights))
    stream, shape = streams.generator(0, "dropout"), (2 * pair.batch, 784 + 240 + 240)
    steps["its dropout numbers, for all ranks"] = repeated(lambda: streams.uniform(shape, stream))
    seconds = interleaved(steps, ROUNDS)
    if world.writes:
        first, rows = seconds[next(iter(seconds))], []
        for name, s in seconds.items():
            rows.append((name, f"{s / STEPS * 1e3:.1f}", f"{s / first:.2f}"))
        header = ("step", "ms", "times the first")
        show(f"Two ranks, batch {pair.batch} in all, float32", header, rows, "devices_ranks")


def by_rank_0(world: World, training: Training, threads: int) -> Callable[[], None]:
    """Rank 0 trains alone; the other waits without using a core."""

    def steps() -> None:
        if world.writes:
            torch.set_num_threads(threads)
            for _ in range(STEPS):
                training.advance()
            torch.set_num_threads(1)
        dist.barrier()

    return steps


def compilation() -> None:
    """Time the simultaneous update with and without torch.compile."""
    devices.reproducible(2, compiling=True)
    images = torch.rand(5_000, 1, 28, 28) * 2 - 1
    rows = []
    for dropout in (True, False):
        pair = paper(dropout)
        game = pair.settings("simultaneous", "float32")
        each = [game, game.model_copy(update={"compile": True})]
        plain, fast = (Training(g, 0, images, CPU).advance for g in each)
        seconds = interleaved({"as it is": repeated(plain), "compiled": repeated(fast)}, ROUNDS)
        for name, s in seconds.items():
            what = f"{name}, {'with' if dropout else 'without'} dropout"
            rows.append((what, f"{s / STEPS * 1e3:.1f}", f"{s / seconds['as it is']:.2f}"))
    header = ("step", "ms", "times the uncompiled")
    show(f"torch.compile, batch {pair.batch}, float32, 2 threads", header, rows, "devices_compile")


def main() -> None:
    if not ranks.inside():
        ranks.PROGRAM = ("-m", "benchmarks.devices")
        ranks.launch(2)
        compilation()
        return
    devices.reproducible(1)
    with parallel.world(2, "cpu") as world:
        two_ranks(world)


if __name__ == "__main__":
    sys.exit(main())
