from pathlib import Path

from common import stage

VERSION = 1

with stage("total") as runs:
    folder = Path("results/scores")
    scores = [(folder / f"{name}.txt").read_text().strip() for name in sorted(runs)]
    Path("results/total.txt").write_text("\n".join([f"total v{VERSION}", *scores]) + "\n")
