"""Overhead of a stage on a Slurm cluster: python -m benchmarks.slurm   (as root, with slurm-wlm)

Stages take milliseconds, so nearly all of the time is the engines'. Compared: this machine without Slurm, and a
cluster whose two nodes are both this machine, polled every second or as often as the profile does.
"""

import argparse
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from tests.cluster.conftest import PROFILE, SUBMIT
from tests.cluster.slurm import Slurm
from tests.interplay.tinyproject import Tiny, new_tiny


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument(
        "--runs", type=int, nargs="+", default=[5, 15], help="two stages each, and 1"
    )
    options = parser.parse_args()
    ways = {
        "on this machine": ("snakemake", "--cores", "2"),
        "Slurm, polled every second": SUBMIT,
        "Slurm, as profiles/slurm": ("snakemake", *PROFILE),
    }
    print("| stages | where | all, s | per stage, s |")
    print("|--------|-------|--------|--------------|")
    with tempfile.TemporaryDirectory() as folder:
        slurm = Slurm(Path(folder) / "slurm")
        slurm.folder.mkdir()
        slurm.start()
        try:
            for runs in options.runs:
                for number, (where, command) in enumerate(ways.items()):
                    tiny = prepared(Path(folder) / f"{runs}-{number}", runs)
                    passed = seconds(tiny, command, slurm)
                    stages = 2 * runs + 1
                    print(
                        f"| {stages} | {where} | {passed:.0f} | {passed / stages:.1f} |", flush=True
                    )
        finally:
            slurm.stop()


def prepared(folder: Path, runs: int) -> Tiny:
    tiny = new_tiny(folder)
    values = {f"run{number}": {"source": "a", "base": 0, "factor": 0} for number in range(runs)}
    tiny.write({"runs": values})
    return tiny


def seconds(tiny: Tiny, command: tuple[str, ...], slurm: Slurm) -> float:
    begun = time.perf_counter()
    subprocess.run(
        command,
        cwd=tiny.path,
        env=tiny.environment(**slurm.environment),
        check=True,
        capture_output=True,
    )
    return time.perf_counter() - begun


if __name__ == "__main__":
    sys.exit(main())
