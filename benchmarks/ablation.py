"""python -m benchmarks.ablation: what each setting of a recipe is worth, over seeds, in one process.

Trains a recipe's runs as the stage does, all runs of the first seed before those of the second, and scores them as
`benchmarks.record` does: by a committed extractor, on validation images unless told otherwise. `NAME_s0`, `NAME_s1` are
seeds of NAME. Rows are written to `--rows` as they come; what is there already is not trained again, so a run that was
interrupted goes on. Seconds are of this process's own CPU time, in training alone.
"""

import argparse
import csv
import functools
import math
import re
import statistics
import time
from pathlib import Path

from scipy import stats
from torch import Tensor

from benchmarks.record import SPLITS, Judge, judge, new_training
from pipeline.compute import allocator, devices
from pipeline.config import params
from pipeline.config.params import Run
from pipeline.io import machine
from pipeline.io.tensors import read_tensors
from pipeline.tables.text import markdown

BETTER = {"fid": -1, "precision": 1, "recall": 1, "nats": 1}  # the sign of an improvement
SCORES = {"fid": 1, "precision": 3, "recall": 3, "nats": 1, "seconds": 1}  # and their decimals
SEED = re.compile(r"_s(\d+)$")
Row = dict[str, str]


def wanted(runs: dict[str, Run], names: list[str]) -> dict[str, Run]:
    """Runs by their names with or without a seed, all where none is named; by seed, then as they are named."""
    unknown = set(names) - {SEED.sub("", run) for run in runs} - set(runs)
    if unknown:
        raise SystemExit(f"no run is called {', '.join(sorted(unknown))}")
    chosen = [run for name in names or runs for run in runs if name in (run, SEED.sub("", run))]
    return {run: runs[run] for run in sorted(chosen, key=lambda run: runs[run].seed)}


def trained(name: str, run: Run, data: dict[str, Tensor], one_judge: Judge) -> Row:
    """Scores of a run after its training, and what this took."""
    allocator.keep_freed_memory()
    devices.reproducible(run.threads, run.train.precision, run.train.compile)
    begun = time.process_time()
    training = new_training(run, run.seed, data)
    while training.step < run.train.steps:
        training.advance()
    seconds = time.process_time() - begun
    numbers = (*one_judge.score(training), seconds)
    pairs = zip(SCORES.items(), numbers, strict=True)
    return {"run": name} | {key: f"{number:.{digits}f}" for (key, digits), number in pairs}


def table(rows: list[Row], baseline: str) -> str:
    """A Markdown table: means over seeds ± standard deviations, best FID first; CPU time as a multiple of the baseline's.

    ▲, ▼: better or worse than the baseline beyond `chance`. Runs that nothing marks stand in a sentence below.
    """
    groups: dict[str, list[Row]] = {}
    for row in rows:
        groups.setdefault(SEED.sub("", row["run"]), []).append(row)
    first = groups.get(baseline, rows)
    unit = statistics.mean(values(first, "seconds"))
    ordered = sorted(groups, key=lambda name: statistics.mean(values(groups[name], "fid")))
    lines, alike = [], []
    for name in ordered:
        members = groups[name]
        cells = [cell(members, first, key) for key in BETTER]
        if name != baseline and not any("▲" in found or "▼" in found for found in cells):
            alike.append(f"`{name}` ({len(members)})")
            continue
        time_taken = statistics.mean(values(members, "seconds")) / unit
        lines.append((f"`{name}`", str(len(members)), *cells, f"{time_taken:.1f}"))
    header = ("run", "seeds", "FID", "precision", "recall", "nats", "time")
    drawn = markdown([header, *lines])
    return f"{drawn}\nNo difference: {', '.join(alike)}." if alike else drawn


def values(rows: list[Row], key: str) -> list[float]:
    return [float(row[key]) for row in rows]


def cell(members: list[Row], baseline: list[Row], key: str) -> str:
    """3.0 ± 0.2 ▲; a value alone where there is one, no mark where chance may have done it."""
    found, former = values(members, key), values(baseline, key)
    gain = BETTER[key] * (statistics.mean(found) - statistics.mean(former))
    mark = "" if abs(gain) <= chance(former, len(found)) else " ▲" if gain > 0 else " ▼"
    return spread(found, SCORES[key]) + mark


def chance(baseline: list[float], seeds: int) -> float:
    """How far means over so many other seeds of the baseline are from its own mean, in 19 of 20 cases, at most (Student's t;
    the baseline's deviation stands for all); infinite for one seed."""
    count = len(baseline)
    if count < 2:
        return math.inf
    t = stats.t.ppf(0.975, count - 1)
    return float(t) * statistics.stdev(baseline) * math.sqrt(1 / count + 1 / seeds)


def spread(values: list[float], decimals: int) -> str:
    """3.0 ± 0.2; a value alone where there is one."""
    mean = f"{statistics.mean(values):.{decimals}f}"
    return mean if len(values) < 2 else f"{mean} ± {statistics.stdev(values):.{decimals}f}"


def rows_file(recipe: Path, split: str) -> Path:
    """Where rows are kept unless said otherwise: those of one recipe, scored on one split."""
    return Path("benchmarks") / f"ablation_{recipe.stem}_{split}.tsv"


def read(file: Path) -> list[Row]:
    if not file.exists():
        return []
    with file.open(newline="") as lines:
        return list(csv.DictReader(lines, delimiter="\t"))


def write(file: Path, rows: list[Row]) -> None:
    with file.open("w", newline="") as lines:
        writer = csv.DictWriter(lines, ("run", *SCORES), delimiter="\t", lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument(
        "names", nargs="*", metavar="RUN", help="with or without _sN; all if none is named"
    )
    parser.add_argument("--file", type=Path, default=Path("recipes/ganhacks_28.yaml"))
    parser.add_argument("--split", choices=SPLITS, default="validation")
    parser.add_argument("--baseline", default="default", help="whose time is 1")
    parser.add_argument(
        "--rows",
        type=Path,
        help="default: benchmarks/ablation_RECIPE_SPLIT.tsv, never of two splits",
    )
    options = parser.parse_args()
    options.rows = options.rows or rows_file(options.file, options.split)
    runs = wanted(params.validate(params.read(options.file), str(options.file)).runs, options.names)
    rows = read(options.rows)
    done = {row["run"] for row in rows}
    normalized = functools.cache(read_tensors)
    for name, run in runs.items():
        if name in done:
            continue
        data = normalized(Path("data/normalized") / f"{run.dataset}.safetensors")
        rows.append(trained(name, run, data, judge(run, data, options.split)))
        print(*rows[-1].values(), flush=True)
        write(options.rows, rows)
    print(f"\n{options.split} images, {machine.processor()}\n{table(rows, options.baseline)}")


if __name__ == "__main__":
    main()
