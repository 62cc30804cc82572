"""Overhead of the engines: python -m benchmarks.engines

Stages take milliseconds, so nearly all of the time is the engines'. For each number of stages: seconds of a
call with nothing to do, of one stage that runs, and, up to 101 stages, of all stages, as more take minutes.
Beside them CPU seconds, which other programs hardly change, and the peak memory of the largest process.
"""

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from benchmarks.measure import mib, show
from tests.interplay.tinyproject import Tiny, new_tiny

IDLE = (("snakemake", "-n"), ("dvc", "status"), ("dvc", "repro"))
ONE = {
    "a job of Snakemake": (sys.executable, "-m", "pipeline.engine.job"),
    "dvc repro --single-item": ("dvc", "repro", "--single-item"),
}
ALL = (("snakemake", "--cores", "2"), ("dvc", "repro"))
FLOOR = (("python -c pass", "pass"), ("python, importing DVC", "import dvc.repo.reproduce"))

HEADER = ("stages", "what", "s", "CPU s", "MiB")
Cost = tuple[float, float, float]  # seconds elapsed and of CPU, peak MiB of the largest process
Row = tuple[int | str, str, str, str, str]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument(
        "--runs", type=int, nargs="+", default=[5, 50, 250], help="two stages each, and 1"
    )
    parser.add_argument("--all-up-to", type=int, default=101, help="run all of so many stages")
    options = parser.parse_args()
    rows = [
        row("", name, [cost((sys.executable, "-c", code)) for _ in range(options.repeats)])
        for name, code in FLOOR
    ]
    with tempfile.TemporaryDirectory() as folder:
        for runs in options.runs:
            rows += measure(Path(folder) / str(runs), runs, options)
    show("What the engines cost", HEADER, rows, "engines")


def measure(folder: Path, runs: int, options: argparse.Namespace) -> Iterator[Row]:
    """Rows for a project of `runs` runs."""
    stages = 2 * runs + 1
    tiny = prepared(folder, runs)
    for version, command in enumerate(ALL, start=2):
        if stages <= options.all_up_to:
            tiny.set_version("make", version)
            elapsed, cpu, memory = cost(command, tiny)
            each = (elapsed / stages, cpu / stages, memory)
            yield row(stages, f"`{' '.join(command)}`: all to do, for each stage", [each])
    if stages > options.all_up_to:
        record_all(tiny)
    for command in IDLE:
        name = f"`{' '.join(command)}`: nothing to do"
        yield row(stages, name, [cost(command, tiny) for _ in range(options.repeats)])
    for value, (name, command) in enumerate(ONE.items(), start=1):
        costs = []
        for number in range(options.repeats):
            tiny.set(f"run{number}", factor=value)
            costs.append(cost((*command, f"grow@run{number}"), tiny))
        yield row(stages, f"one stage: {name}", costs)


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


def cost(command: tuple[str, ...], tiny: Tiny | None = None) -> Cost:
    """Run `command`, in `tiny` if given; SystemExit with its output if it fails."""
    place = {"cwd": tiny.path, "env": tiny.environment()} if tiny else {"env": dict(os.environ)}
    begun = time.perf_counter()
    with tempfile.TemporaryFile() as output:
        process = subprocess.Popen(command, stdout=output, stderr=output, **place)
        _, status, used = os.wait4(process.pid, 0)  # of its children, too
        process.returncode = os.waitstatus_to_exitcode(status)
        if process.returncode:
            output.seek(0)
            raise SystemExit(f"{command} failed:\n{output.read().decode()}")
    return time.perf_counter() - begun, used.ru_utime + used.ru_stime, mib(used)


def row(stages: int | str, what: str, costs: list[Cost]) -> Row:
    """A row of medians, which is also printed as progress."""
    elapsed, cpu, memory = (statistics.median(column) for column in zip(*costs, strict=True))
    print(f"{stages} stages, {what}: {elapsed:.2f} s", file=sys.stderr)
    return stages, what, f"{elapsed:.2f}", f"{cpu:.2f}", f"{memory:.0f}"


if __name__ == "__main__":
    main()
