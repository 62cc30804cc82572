"""Every command in the README is run, in the order it stands there, in one project."""

import re
import shlex
import sys
from pathlib import Path

import numpy as np
import pytest

from tests.conftest import ROOT, Project

README = (ROOT / "README.md").read_text()
COMMANDS = [
    line.split("  #")[0].strip()
    for block in re.findall(r"```sh\n(.*?)```", README, re.DOTALL)
    for line in block.splitlines()
]
# What cannot be run inside the tests as it stands, and what is run for it.
INSTEAD = {
    "git clone <this repository> gan-pipeline && cd gan-pipeline": "true",  # the project is a clone
    "source .venv/bin/activate": "true",
    "cp recipes/quick.yaml params.yaml": "cp recipes/quick.yaml params.yaml",
    "python3 -m venv .venv && source .venv/bin/activate": "true",  # it would replace the tests' own
    "pip install --editable . --constraint constraints.txt": (
        "pip install --quiet --dry-run --no-deps --no-build-isolation --editable ."
    ),
    "pip install -r requirements-slurm.txt -c constraints.txt": (
        "pip install --quiet --dry-run --no-deps -r requirements-slurm.txt -c constraints.txt"
    ),
    "snakemake --profile profiles/slurm": "true",  # on a real Slurm: tests/cluster/
    "dvc remote add --default team /path/to/a/shared/folder": "dvc remote add --default team ../shared",
}


def test_the_replaced_commands_are_still_in_the_readme():
    assert set(INSTEAD) <= set(COMMANDS)


@pytest.fixture
def reader(finished: Project, tmp_path: Path) -> Project:
    """A project as its reader has it after the recipe was run once; arrays to score."""
    project = finished.copy(tmp_path / "a project")
    for name in (
        "pyproject.toml",
        "requirements.txt",
        "requirements-dev.txt",
        "requirements-remotes.txt",
        "requirements-slurm.txt",
        "constraints.txt",
    ):
        (project.path / name).write_text((ROOT / name).read_text())
    # the environment that runs the tests, as if `make` had installed it
    (project.path / ".venv").symlink_to(Path(sys.executable).parents[1])
    (project.path / "docs").mkdir(exist_ok=True)
    project.commit("all files")
    project.run("git", "init", "--quiet", "--bare", "--initial-branch", "main", "../origin.git")
    project.run("git", "remote", "add", "origin", "../origin.git")
    project.run("git", "push", "--quiet", "--set-upstream", "origin", "main")
    (tmp_path / "shared").mkdir()
    random = np.random.default_rng(0)
    for name in ("samples", "valid", "test"):
        np.save(project.path / f"{name}.npy", random.uniform(-1, 1, (50, 1, 4, 4)))
    return project


def test_every_command_of_the_readme_works(reader: Project):
    for command in COMMANDS:
        command = INSTEAD.get(command, command)
        if command.startswith("git commit"):
            reader.run("bash", "-c", "echo >> README.md; git add --all")
        if command.startswith("make run"):
            reader.run("touch", ".venv/installed")
        reader.run("bash", "-c", command)
    assert (reader.path / "report.html").is_file()


@pytest.mark.parametrize("target", re.findall(r"`make (\w+)`", README))
def test_every_make_target_named_exists(target: str):
    assert re.search(rf"^{target}:.*## ", (ROOT / "Makefile").read_text(), re.MULTILINE)


def test_every_linked_file_exists():
    links = re.findall(r"\]\((?!http)([^)]+)\)", README)
    assert links
    assert all((ROOT / link).is_file() for link in links), shlex.join(links)
