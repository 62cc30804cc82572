import sys
from pathlib import Path

from common import stage

VERSION = 1

name = sys.argv[1]
with stage(f"grow@{name}") as runs:
    run = runs[name]
    made = (Path("results") / name / "made.txt").read_text().strip()
    if run["factor"] < 0:
        sys.exit(f"error: factor {run['factor']} of {name} is negative")
    out = Path("results/scores") / f"{name}.txt"
    out.parent.mkdir(parents=True, exist_ok=True)
    out.write_text(f"grown v{VERSION} from ({made}) by {run['factor']}\n")
