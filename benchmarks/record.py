"""python -m benchmarks.record: quality over seconds of training, on seeds and steps that were fixed beforehand.

Trains a run as the stage does, with every seed, and stops the clock while samples are scored: FID, precision
and recall on the features of a fixed extractor (benchmarks/record/mnist.safetensors, since every machine trains
another), nats by the paper's protocol. With `--split validation`, the default, samples are compared with
validation images: choose by those only. `--split test` is for what has been chosen. With `--keep FOLDER`, the
rows, the settings, the versions and the processor are written there, and how long a step of a plain loop took meanwhile.
"""

import argparse
import hashlib
import json
import os
import statistics
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

os.environ.setdefault("GOMP_SPINCOUNT", "10000")

import torch
from ruamel.yaml import YAML
from scipy import stats
from torch import Tensor

from benchmarks.measure import interleaved, show
from benchmarks.pairs import paper, plain_loop
from pipeline.compute import allocator, devices
from pipeline.compute.precision import processor
from pipeline.config import params
from pipeline.config.params import Params, Run
from pipeline.config.sample import Sample
from pipeline.evaluation import extractors, metrics, parzen
from pipeline.evaluation.real_data import to_unit
from pipeline.io import costs, machine
from pipeline.io.tensors import read_about, read_tensors
from pipeline.models.gan.saved import Saved
from pipeline.models.gan.training import Training
from pipeline.stages.train import known

EXTRACTOR = Path(__file__).with_name("record") / "mnist.safetensors"
COLUMNS = ("seed", "step", "seconds", "fid", "precision", "recall", "nats")
REFERENCES = 30
SPLITS = {"validation": "valid", "test": "test"}


@dataclass(frozen=True)
class Judge:
    """Held-out images and what the extractor sees in them."""

    run: Run
    held_out: Tensor  # [N, C, H, W] in [-1, 1]
    for_sigma: Tensor  # none of them is among those that give the nats
    for_nats: Tensor
    kind: str
    tensors: dict[str, Tensor]
    seen: metrics.Seen

    def score(self, training: Training) -> tuple[float, float, float, float]:
        """FID, precision, recall and nats of the run's number of samples, drawn as its stage draws them."""
        samples = drawn(training, self.run.sample)
        fake = metrics.Seen(*extractors.extract(self.kind, self.tensors, samples))
        fid = metrics.distances(fake, self.seen, seed=0)["fid"]
        near = metrics.manifolds(fake, self.seen)
        density = parzen.estimate(
            to_unit(samples),
            to_unit(self.for_sigma),
            to_unit(self.for_nats),
            self.run.parzen.sigma_grid.sigmas(),
        )
        return fid, near["precision"], near["recall"], density.mean


def new_training(run: Run, seed: int, data: dict[str, Tensor]) -> Training:
    """A run's training as its stage begins it: with labels where every image has one."""
    device = devices.choose(run.train.device, run.train.precision)
    return Training(run.train, seed, data["train_images"], device, known(data["train_labels"]))


def drawn(training: Training, sample: Sample) -> Tensor:
    """What the run's model file would give: samples [count, C, H, W] in [-1, 1]."""
    about = {
        "train": training.settings.model_dump(mode="json"),
        "seed": training.seed,
        "image_shape": training.image_shape,
        "classes": training.classes,
    }
    saved = Saved(about, training.weights(), "this training")
    batches = saved.draw(
        sample.weights, sample.count, sample.batch_size, training.seed, sample.accepted
    )
    return torch.cat([images for (images,) in batches])


def judge(run: Run, data: dict[str, Tensor], split: str) -> Judge:
    """`split`: validation or test. Sigma is chosen by validation images that are not scored."""
    held_out, valid = data[f"{SPLITS[split]}_images"], data["valid_images"]
    some = min(run.parzen.validation_images, len(valid) // 2)
    for_nats = held_out[some:] if split == "validation" else held_out
    kind, tensors = read_about(EXTRACTOR)["kind"], read_tensors(EXTRACTOR)
    seen = metrics.Seen(*extractors.extract(kind, tensors, held_out))
    return Judge(run, held_out, valid[:some], for_nats, kind, tensors, seen)


def rows_of(training: Training, judge: Judge, moments: set[int]) -> Iterator[tuple]:
    """A row of COLUMNS at each of the `moments`, which are steps; the clock stands still meanwhile."""
    passed, begun = 0.0, time.perf_counter()
    while training.step < training.settings.steps:
        training.advance()
        if training.step in moments:
            passed += time.perf_counter() - begun
            fid, precision, recall, nats = judge.score(training)
            place = (training.seed, training.step, round(passed, 1))
            row = (*place, round(fid, 2), round(precision, 4), round(recall, 4), round(nats, 1))
            print(*row, flush=True)
            yield row
            begun = time.perf_counter()


def changed(file: Path, settings: list[str]) -> tuple[dict, Params]:
    """params.yaml with values put in the place of others: `runs.mnist.train.steps=100`; as read, and as valid."""
    content = params.read(file)
    for setting in settings:
        key, value = setting.split("=", 1)
        *above, last = key.split(".")
        place = content
        for name in above:
            place = place.setdefault(name, {})
        place[last] = YAML(typ="safe").load(value)
    return content, params.validate(content, str(file))


def reference_step(images_NCHW: Tensor) -> float:
    """Milliseconds of a step of the plain loop with the paper's nets: what this machine gives right now."""
    step = plain_loop(paper(dropout=False), images_NCHW)
    return round(1e3 * interleaved({"step": step}, REFERENCES)["step"], 1)


def summary(rows: list[tuple], target: float) -> str:
    """Means over seeds at the end, and a one-sided t-test of the FID against `target`: how probable means as low as this
    would be if FID were `target` on average over all seeds."""
    ends = [row for row in rows if row[1] == max(r[1] for r in rows)]
    if len(ends) < 2:
        return "one seed only: no mean, no test"
    means = [
        f"{name} {statistics.mean(values):.4g} ± {statistics.stdev(values):.2g}"
        for name, values in zip(COLUMNS[2:], list(zip(*ends, strict=True))[2:], strict=True)
    ]
    p = stats.ttest_1samp([row[3] for row in ends], target, alternative="less").pvalue
    return f"{len(ends)} seeds: {', '.join(means)}; t-test against a mean FID of {target:g}: p = {p:.2g}"


def keep(folder: Path, content: dict, rows: list[tuple], about: dict, said: str) -> None:
    """Write what was run, what came of it, and where: params.yaml, rows.tsv and about.json."""
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "params.yaml").open("w") as file:
        YAML().dump(content, file)
    lines = ["\t".join(map(str, row)) for row in [COLUMNS, *rows]]
    (folder / "rows.tsv").write_text("\n".join(lines) + "\n")
    (folder / "about.json").write_text(json.dumps(about | {"said": said}, indent=2) + "\n")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--file", type=Path, default=Path("params.yaml"))
    parser.add_argument("--run", default="mnist")
    parser.add_argument("--seeds", type=int, nargs="+", default=[0])
    parser.add_argument("--split", choices=SPLITS, default="validation")
    parser.add_argument("--scores", type=int, default=1, help="how often a seed is scored")
    parser.add_argument("--target", type=float, default=10.0, help="FID")
    parser.add_argument("--set", nargs="*", default=[], metavar="KEY=VALUE")
    parser.add_argument("--keep", type=Path, help="folder for the rows and what they depend on")
    options = parser.parse_args()
    content, settings = changed(options.file, options.set)
    run = settings.runs[options.run]
    data = read_tensors(Path("data/normalized") / f"{run.dataset}.safetensors")
    one_judge = judge(run, data, options.split)
    steps = run.train.steps
    moments = {steps * (i + 1) // options.scores for i in range(options.scores)}
    rows: list[tuple] = []
    references = []
    for seed in dict.fromkeys(options.seeds):  # each once
        devices.reproducible(run.threads, run.train.precision, run.train.compile)
        allocator.keep_freed_memory()
        references.append(reference_step(data["train_images"]))
        training = new_training(run, seed, data)
        rows += rows_of(training, one_judge, moments)
    about = {
        "split": options.split,
        "run": options.run,
        "precision": training.precision,
        "reference_step_ms": references,  # a plain loop's step just before each seed's training
        "extractor": hashlib.sha256(EXTRACTOR.read_bytes()).hexdigest(),
        "processor": machine.processor(),
        "kind_of_processor": processor(),
        "versions": costs.versions(),
    }
    title = f"{options.run}, {options.split} images, {about['processor']}, reference step {references} ms"
    show(title, COLUMNS, rows, "record")
    said = summary(rows, options.target)
    print(said)
    if options.keep:
        keep(options.keep, content, rows, about, said)


if __name__ == "__main__":
    main()
