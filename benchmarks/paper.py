"""python -m benchmarks.paper: the authors' MNIST recipe to the letter, scored while it trains.

Trains the run `paper` of recipes/paper.yaml, with a moving average of G beside it that does not
affect the training. Every so many epochs both are scored under the paper's protocol on validation images:
sigma by the first 1,000 of the 10,000, the log-likelihood of the other 9,000. The test images are scored
once, at the end. It resumes where it was stopped. docs/paper.tsv holds the curve.
"""

import argparse
import json
import os
import time
from pathlib import Path

os.environ.setdefault("GOMP_SPINCOUNT", "10000")

import torch
from matplotlib.figure import Figure
from torch import Tensor

from pipeline.compute import devices
from pipeline.config import params
from pipeline.config.models.common.ema import PowerAverage
from pipeline.config.params import Run
from pipeline.evaluation import parzen
from pipeline.evaluation.plots import figure as plots
from pipeline.evaluation.real_data import to_unit
from pipeline.io.files import atomic, write_bytes, write_json
from pipeline.io.tensors import read_tensors
from pipeline.models.gan.sampling import SymmetricGenerator, draw
from pipeline.models.gan.training import Training

CURVE, RESULT, PICTURE = (Path("docs") / f"paper.{kind}" for kind in ("tsv", "json", "png"))
COLUMNS = ("epoch", "step", "raw", "raw_sigma", "average", "average_sigma", "d_real", "d_fake")
PUBLISHED, REAL = 225.0, 243.6  # nats, of the test images
CHOOSING = 1_000  # of the validation images, the first; the others are scored
AVERAGE = PowerAverage(name="power", exponent=1, every_steps=4)  # as in the default recipe


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--epochs", type=int, help="stop here for now (default: to the end)")
    parser.add_argument("--every", type=int, default=5, help="epochs from score to score")
    parser.add_argument("--threads", type=int, help="default: as the recipe says")
    parser.add_argument("--state", type=Path, default=Path(".checkpoints/paper.pt"))
    options = parser.parse_args()
    run = params.load(Path("recipes/paper.yaml")).runs["paper"]
    settings = run.train.model_copy(update={"ema": AVERAGE})
    data = read_tensors(Path("data/normalized/mnist.safetensors"))
    threads = options.threads or run.threads
    devices.reproducible(threads, settings.precision, settings.compile)
    training = Training(settings, run.seed, data["train_images"], torch.device("cpu"))
    rows: list[tuple] = []
    seconds = 0.0
    if options.state.is_file():
        state = torch.load(options.state, weights_only=True)
        training.load_state_dict(state["training"])
        rows, seconds = [tuple(row) for row in state["rows"]], state["seconds"]
    epoch_steps = len(data["train_images"]) // settings.batch_size
    last = min(settings.steps, (options.epochs or settings.steps) * epoch_steps)
    begun = time.perf_counter()
    while training.step < last:
        seen = training.advance()
        if training.step % (options.every * epoch_steps) and training.step != settings.steps:
            continue
        seconds += time.perf_counter() - begun
        rows.append(row(training, run, data, epoch_steps, seen))
        print(*rows[-1], f"{seconds:.0f} s", sep="\t", flush=True)
        lines = ["\t".join(COLUMNS), *("\t".join(f"{cell:g}" for cell in one) for one in rows)]
        write_bytes(CURVE, ("\n".join(lines) + "\n").encode())
        write_bytes(PICTURE, picture(rows))
        with atomic(options.state) as file:
            torch.save({"training": training.state_dict(), "rows": rows, "seconds": seconds}, file)
        begun = time.perf_counter()
    if training.step == settings.steps:
        finish(training, run, data, threads, seconds)


@torch.no_grad()
def row(
    training: Training, run: Run, data: dict[str, Tensor], epoch_steps: int, seen: dict[str, Tensor]
) -> tuple:
    """Scores on validation images of raw and averaged weights, and D's means: a row of CURVE."""
    valid = to_unit(data["valid_images"])
    scores = []
    for raw in (True, False):
        score = estimate(training, run, raw, valid[:CHOOSING], valid[CHOOSING:])
        scores += [round(score.mean, 2), round(score.sigma, 4)]
    means = [round(seen[key].sigmoid().mean().item(), 4) for key in ("d_real", "d_fake")]
    return (training.step // epoch_steps, training.step, *scores, *means)


def picture(rows: list[tuple]) -> bytes:
    """The curve as a PNG, beside the published number and what real images score on the test set."""
    epochs, _, raw, _, average, *_ = zip(*rows, strict=True)
    figure = Figure(figsize=(7, 4), layout="constrained")
    axes = figure.subplots()
    axes.axhline(PUBLISHED, color=plots.GREY, linestyle="--", label="published (2014), 225 ± 2")
    axes.axhline(REAL, color=plots.GREY, linestyle=":", label="real training images, 243.6")
    axes.plot(epochs, average, "s-", markersize=3, color=plots.PURPLE, label="average of G")
    axes.plot(epochs, raw, "o-", markersize=3, color=plots.BLUE, label="G itself")
    axes.set(xlabel="epoch", ylabel="log-likelihood of validation images (nats)", ylim=(-50, 270))
    axes.legend(frameon=False, fontsize=8)
    plots.plain(axes)
    return plots.png(figure)


def finish(
    training: Training, run: Run, data: dict[str, Tensor], threads: int, seconds: float
) -> None:
    """Score the test images, once, and write RESULT."""
    valid, test = to_unit(data["valid_images"])[:CHOOSING], to_unit(data["test_images"])
    result: dict = {"steps": training.step, "threads": threads, "seconds": round(seconds)}
    for name, raw in (("raw", True), ("average", False)):
        score = estimate(training, run, raw, valid, test)
        result[name] = {
            "mean": round(score.mean, 2),
            "standard_error": round(score.standard_error, 2),
            "sigma": round(score.sigma, 4),
        }
    write_json(RESULT, result)
    print(json.dumps(result, indent=2))


@torch.no_grad()
def estimate(
    training: Training, run: Run, raw: bool, valid: Tensor, scored: Tensor
) -> parzen.Estimate:
    """The Parzen estimate of G's last (`raw`) or averaged weights; pixels in [0, 1]."""
    G = SymmetricGenerator(training.sampler(raw), training.settings, training.classes)
    drawn = draw(G, run.sample.count, run.sample.batch_size, training.seed)
    samples = to_unit(torch.cat([*drawn]))
    return parzen.estimate(samples, valid, scored, run.parzen.sigma_grid.sigmas())


if __name__ == "__main__":
    main()
