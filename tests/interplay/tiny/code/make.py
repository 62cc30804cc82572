import sys
from pathlib import Path

from common import stage

VERSION = 1

name = sys.argv[1]
with stage(f"make@{name}") as runs:
    run = runs[name]
    source = Path(f"data/{run['source']}.txt").read_text().strip()
    folder = Path("results") / name
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "made.txt").write_text(f"made v{VERSION} of {source} with {run['base']}\n")
    (folder / "side.txt").write_text(f"beside {source}\n")
