"""What the engines themselves cost: python -m benchmarks.engines

Stages of milliseconds, so that nearly all of the time is the engines'. For each number of stages the
seconds of a call with nothing to do, and of one stage among them that runs; for all of the stages at
once up to 101, as more take minutes. CPU seconds beside them: other programs do not change those.
"""

import argparse
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from tests.interplay.tinyproject import Tiny, new_tiny

IDLE = (("snakemake", "-n"), ("dvc", "status"), ("dvc", "repro"))
ONE = {
    "a job of Snakemake": (sys.executable, "-m", "pipeline.job"),
    "dvc repro --single-item": ("dvc", "repro", "--single-item"),
}
ALL = (("snakemake", "--cores", "2"), ("dvc", "repro"))
FLOOR = (("python -c pass", "pass"), ("python, importing DVC", "import dvc.repo.reproduce"))

Seconds = tuple[float, float]  # elapsed, CPU


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument(
        "--runs", type=int, nargs="+", default=[5, 50, 250], help="two stages each, and 1"
    )
    parser.add_argument("--all-up-to", type=int, default=101, help="run all of so many stages")
    options = parser.parse_args()
    for name, code in FLOOR:
        show("", name, [cost((sys.executable, "-c", code)) for _ in range(options.repeats)])
    with tempfile.TemporaryDirectory() as folder:
        for runs in options.runs:
            measure(Path(folder) / str(runs), runs, options)


def measure(folder: Path, runs: int, options: argparse.Namespace) -> None:
    stages = 2 * runs + 1
    tiny = prepared(folder, runs)
    for version, command in enumerate(ALL, start=2):
        if stages <= options.all_up_to:
            tiny.set_version("make", version)
            elapsed, cpu = cost(command, tiny)
            each = (elapsed / stages, cpu / stages)
            show(stages, f"`{' '.join(command)}`: all to do, for each stage", [each])
    if stages > options.all_up_to:
        record_all(tiny)
    for command in IDLE:
        name = f"`{' '.join(command)}`: nothing to do"
        show(stages, name, [cost(command, tiny) for _ in range(options.repeats)])
    for value, (name, command) in enumerate(ONE.items(), start=1):
        times = []
        for number in range(options.repeats):
            tiny.set(f"run{number}", factor=value)
            times.append(cost((*command, f"grow@run{number}"), tiny))
        show(stages, f"one stage: {name}", times)


def prepared(folder: Path, runs: int) -> Tiny:
    tiny = new_tiny(folder)
    values = {f"run{number}": {"source": "a", "base": 0, "factor": 0} for number in range(runs)}
    tiny.write({"runs": values})
    return tiny


def record_all(tiny: Tiny) -> None:
    """All outputs and dvc.lock, as if every stage had run, in seconds rather than many minutes."""
    for name, content in tiny.expected().items():
        path = tiny.path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content)
    cost(("dvc", "commit", "--force", "--quiet"), tiny)


def cost(command: tuple[str, ...], tiny: Tiny | None = None) -> Seconds:
    place = {"cwd": tiny.path, "env": tiny.environment()} if tiny else {"env": dict(os.environ)}
    begun, before = time.perf_counter(), children_cpu()
    subprocess.run(command, check=True, capture_output=True, **place)
    return time.perf_counter() - begun, children_cpu() - before


def children_cpu() -> float:
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


def show(stages: int | str, what: str, times: list[Seconds]) -> None:
    elapsed, cpu = (statistics.median(column) for column in zip(*times, strict=True))
    print(f"| {stages} | {what} | {elapsed:.2f} | {cpu:.2f} |", flush=True)


if __name__ == "__main__":
    print("| stages | what | s | CPU s |\n|---|---|---|---|")
    main()
