from pathlib import Path

from common import stage

VERSION = 1

with stage("total") as runs:
    folder = Path("results/scores")
    for stray in folder.glob("*.txt"):
        if stray.stem not in runs:  # of a run that was removed
            stray.unlink()
    scores = [(folder / f"{name}.txt").read_text().strip() for name in sorted(runs)]
    Path("results/total.txt").write_text("\n".join([f"total v{VERSION}", *scores]) + "\n")
