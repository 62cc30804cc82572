"""What the engines themselves cost: python -m benchmarks.engines

Seconds of one call with nothing to do, for pipelines of 11 and 101 stages, and per stage that runs
(stages of milliseconds, so nearly all of it is the engines'). Medians; nothing else should run.
"""

import argparse
import statistics
import subprocess
import tempfile
import time
from pathlib import Path

from tests.interplay.tinyproject import Tiny, new_tiny

COMMANDS = (("snakemake", "--cores", "2"), ("snakemake", "-n"), ("dvc", "repro"), ("dvc", "status"))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument(
        "--runs", type=int, nargs="+", default=[5, 50], help="two stages each, and 1"
    )
    options = parser.parse_args()
    print("| stages | command | nothing to do, s | all to do, s per stage |")
    print("|--------|---------|------------------|------------------------|")
    with tempfile.TemporaryDirectory() as folder:
        for runs in options.runs:
            tiny = prepared(Path(folder) / str(runs), runs)
            for command in COMMANDS:
                full = everything(tiny, command, 2 * runs + 1)
                idle = statistics.median(seconds(tiny, command) for _ in range(options.repeats))
                print(
                    f"| {2 * runs + 1} | `{' '.join(command)}` | {idle:.1f} | {full} |", flush=True
                )


def prepared(folder: Path, runs: int) -> Tiny:
    tiny = new_tiny(folder)
    values = {f"run{number}": {"source": "a", "base": 0, "factor": 0} for number in range(runs)}
    tiny.write({"runs": values})
    return tiny


def everything(tiny: Tiny, command: tuple[str, ...], stages: int) -> str:
    """Seconds per stage of a run in which every stage is stale; empty for a command that runs none."""
    if command in (("snakemake", "-n"), ("dvc", "status")):
        return ""
    tiny.set_version("make", tiny.version("make") + 1)
    return f"{seconds(tiny, command) / stages:.2f}"


def seconds(tiny: Tiny, command: tuple[str, ...]) -> float:
    begun = time.perf_counter()
    subprocess.run(command, cwd=tiny.path, env=tiny.environment(), check=True, capture_output=True)
    return time.perf_counter() - begun


if __name__ == "__main__":
    main()
