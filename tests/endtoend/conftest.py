"""A reader of the documents, who types the commands that stand there."""

import re
import sys
from pathlib import Path

import numpy as np
import pytest

from tests.conftest import ROOT, Project


def commands(text: str) -> list[str]:
    """The lines of the blocks marked `sh` of a document, without the comments behind them."""
    return [
        line.split("  #")[0].strip()
        for block in re.findall(r"```sh\n(.*?)```", text, re.DOTALL)
        for line in block.splitlines()
    ]


@pytest.fixture
def reader(finished: Project, tmp_path: Path) -> Project:
    """A clone in which the quick recipe has run; an origin, a data remote, and arrays to score."""
    project = finished.copy(tmp_path / "a project")
    for name in ("pyproject.toml", "constraints.txt", *ROOT.glob("requirements*.txt")):
        (project.path / Path(name).name).write_text((ROOT / name).read_text())
    # the environment that runs the tests, as if `make` had installed it
    (project.path / ".venv").symlink_to(Path(sys.executable).parents[1])
    (project.path / ".venv/installed").touch()
    project.commit("all files")
    project.run("git", "init", "--quiet", "--bare", "--initial-branch", "main", "../origin.git")
    project.run("git", "remote", "add", "origin", "../origin.git")
    project.run("git", "push", "--quiet", "--set-upstream", "origin", "main")
    (tmp_path / "shared").mkdir()
    random = np.random.default_rng(0)
    for name in ("samples", "valid", "test"):
        np.save(project.path / f"{name}.npy", random.uniform(-1, 1, (50, 1, 4, 4)))
    return project
