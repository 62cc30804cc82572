"""python -m benchmarks.time_to_225: how long the default recipe trains until it reaches the paper's number.

For each seed it trains as the stage does, and every so many steps the clock is stopped while 10,000
samples are scored under the paper's protocol (sigma by 1,000 validation images, then the test set). The
recipe is fixed beforehand: nothing is chosen by these scores. They rise to the end, because the recipe's
schedules end there; a run stopped at the first crossing would be this run.
"""

import argparse
import os
import time
from collections.abc import Iterator
from pathlib import Path

os.environ.setdefault("GOMP_SPINCOUNT", "10000")

import torch
from torch import Tensor

from benchmarks.measure import show
from pipeline.compute import devices
from pipeline.config import params
from pipeline.config.params import Run
from pipeline.evaluation import parzen
from pipeline.evaluation.real_data import to_unit
from pipeline.io.tensors import read_tensors
from pipeline.models.gan.sampling import SymmetricGenerator, draw
from pipeline.models.gan.training import Training


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--file", type=Path, default=Path("params.yaml"))
    parser.add_argument("--run", default="mnist")
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--every", type=int, default=250, help="steps from score to score")
    parser.add_argument("--target", type=float, default=225.0, help="nats")
    options = parser.parse_args()
    run = params.load(options.file).runs[options.run]
    data = read_tensors(Path("data/normalized") / f"{run.dataset}.safetensors")
    device = devices.choose(run.train.device, run.train.precision)
    rows = []
    for seed in options.seeds:
        devices.reproducible(run.threads, run.train.precision, run.train.compile)
        training = Training(run.train, seed, data["train_images"], device)
        scores = [*scored(training, data, run, options.every)]
        crossed = [(seconds, step) for step, seconds, nats in scores if nats >= options.target]
        step, seconds, nats = scores[-1]
        rows.append((seed, *(crossed[0] if crossed else ("-", "-")), step, seconds, nats))
    header = (
        "seed",
        f"seconds to {options.target:g}",
        "steps to it",
        "steps in all",
        "seconds in all",
        "nats at the end",
    )
    show(f"Training of {options.run}, {run.threads} threads", header, rows, "time_to_225")


def scored(
    training: Training, data: dict[str, Tensor], run: Run, every: int
) -> Iterator[tuple[int, float, float]]:
    """Step, seconds of training so far, and log-likelihood of the test set in nats, every `every` steps."""
    passed, begun = 0.0, time.perf_counter()
    while training.step < training.settings.steps:
        training.advance()
        if training.step % every == 0 or training.step == training.settings.steps:
            passed += time.perf_counter() - begun
            nats = score(training, data, run)
            print(f"seed {training.seed}: step {training.step:,}, {passed:.1f} s: {nats:.1f} nats")
            yield training.step, round(passed, 1), round(nats, 1)
            begun = time.perf_counter()


@torch.no_grad()
def score(training: Training, data: dict[str, Tensor], run: Run) -> float:
    """Mean log-likelihood of the test set in nats, under the run's Parzen settings."""
    net = training.sampler(raw=run.sample.weights == "raw")
    G = SymmetricGenerator(net, training.settings, training.classes)
    drawn = draw(G, run.sample.count, run.sample.batch_size, training.seed)
    valid = to_unit(data["valid_images"][: run.parzen.validation_images])
    test = to_unit(data["test_images"][: run.parzen.test_images])
    sigmas = run.parzen.sigma_grid.sigmas()
    return parzen.estimate(to_unit(torch.cat([*drawn])), valid, test, sigmas).mean


if __name__ == "__main__":
    main()
