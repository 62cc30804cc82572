"""What `dvc exp run --set-param` cannot change, said before it is recorded as an experiment.

DVC writes every value of params.yaml anew, also in a block that several keys share (`&name`,
`*name`, `<<: *name`): what it sets under one key, it sets back under the next.
"""

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML

from pipeline.config.editing import differing, plain
from pipeline.errors import ConfigError

BASELINE = "DVC_EXP_BASELINE_REV"  # the experiment's commit; DVC tells the stages of an experiment


def check_shared_blocks(path: Path) -> None:
    """ConfigError if this experiment's values are lost; a note if they went to more than one run."""
    baseline = os.environ.get(BASELINE)
    if baseline is None:
        return
    shown = subprocess.run(
        ["git", "show", f"{baseline}:./{path}"], capture_output=True, text=True, check=False
    )
    text = path.read_text(encoding="utf-8")
    shared = shared_blocks(text)
    if shown.returncode or text == shown.stdout or not shared:
        return
    changed = differing(plain(shown.stdout), plain(text))
    if not changed:
        raise ConfigError(
            f"this experiment has the values of its commit. --set-param changes nothing in a block of "
            f"{path} that several keys share: {'; '.join(map(' = '.join, shared))}.\n"
            "Write them out, next: python -m pipeline sweep --in-full, and commit; or edit the file and use "
            "dvc exp run without --set-param (docs/experiments.md)."
        )
    for keys in shared:
        if all(any(key.startswith(f"{name}.") for key in changed) for name in keys):
            print(
                f"note: {' and '.join(keys)} are one block in {path}; both changed.",
                file=sys.stderr,
            )


def shared_blocks(text: str) -> list[list[str]]:
    """Keys whose value is the same block of the file, such as runs.mnist.train; two or more each."""
    found: dict[int, list[str]] = {}

    def visit(block: Any, where: str) -> None:
        for key, value in block.items():
            if isinstance(value, dict):
                keys = found.setdefault(id(value), [])
                keys.append(f"{where}{key}")
                if len(keys) == 1:  # what is below a shared block goes without saying
                    visit(value, f"{where}{key}.")

    content = YAML(pure=True).load(
        text
    )  # one object for one block, unlike the safe reader's merges
    visit(content, "")
    return [keys for keys in found.values() if len(keys) > 1]
