"""What continuous integration runs beside the tests, on a repository with one run of a moment."""

import json
import os
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

import pytest
import yaml

from tests.conftest import ROOT, environment

STAGES = """
stages:
  draw:
    cmd: mkdir -p results/digits && cp grey.png results/digits/sheet.png
    deps: [grey.png]
    outs: [results/digits/sheet.png]
  table:
    cmd: cp number.json results/summary.json
    deps: [number.json, results/digits/sheet.png]
    metrics:
      - results/summary.json: {cache: false}
"""


@dataclass(frozen=True)
class Repository:
    path: Path

    def run(self, *command: str, code: int = 0) -> str:
        done = subprocess.run(
            command,
            cwd=self.path,
            env=environment() | {"PYTHONPATH": str(ROOT)},
            capture_output=True,
            text=True,
            timeout=300,
        )
        assert done.returncode == code, done.stdout + done.stderr
        return done.stdout + done.stderr

    def fid(self, value: float) -> None:
        (self.path / "number.json").write_text(json.dumps({"digits": {"fid": value}}))

    def commit(self) -> None:
        self.run("git", "add", "--all")
        self.run("git", "commit", "--quiet", "--message", "change")

    def clone(self) -> "Repository":
        self.run("git", "clone", "--quiet", ".", "../clone")
        return Repository(self.path.with_name("clone"))


@pytest.fixture
def repository(tmp_path: Path) -> Repository:
    found = Repository(tmp_path / "a repository")
    shutil.copytree(ROOT / ".ci", found.path / ".ci")
    shutil.copy(ROOT / "recipes/quick.yaml", found.path / "params.yaml")
    shutil.copy(ROOT / "docs/figures/sheet.png", found.path / "grey.png")
    (found.path / "dvc.yaml").write_text(STAGES)
    found.fid(31.75)
    found.run("git", "init", "--quiet", "--initial-branch", "main")
    found.run("dvc", "init", "--quiet")
    (tmp_path / "remote").mkdir()
    found.run("dvc", "remote", "add", "--quiet", "--default", "team", str(tmp_path / "remote"))
    (found.path / ".gitignore").write_text("/results/*/\n__pycache__/\n")
    found.commit()
    return found


def test_results_are_asked_for_only_where_a_commit_claims_some(repository: Repository):
    assert "records no results" in repository.run(".ci/results")


def test_results_of_the_commit_that_everybody_can_have_pass_in_a_clean_clone(repository):
    repository.run("dvc", "repro", "--quiet")
    repository.commit()
    said = repository.clone().run(".ci/results", code=1)
    assert "1 results were never pushed: results/digits/sheet.png" in said and "make share" in said
    repository.run("dvc", "push", "--quiet")
    clone = Repository(repository.path.with_name("clone"))
    assert "and the data remote has it" in clone.run(".ci/results")
    assert not (clone.path / "results/digits").exists(), "nothing is downloaded"


def test_results_of_another_commit_are_named_by_stage(repository):
    repository.run("dvc", "repro", "--quiet")
    repository.fid(12)
    repository.commit()
    said = repository.clone().run(".ci/results", code=1)
    assert "not those of this commit. These stages would run: table" in said
    repository.run("dvc", "remote", "remove", "team")
    said = repository.run(".ci/results")
    assert "those of an earlier commit, such as a release; these stages would run: table" in said


def test_a_report_has_the_numbers_that_changed_and_the_sheets(repository):
    repository.run("dvc", "repro", "--quiet")
    repository.commit()
    repository.run("git", "tag", "base")
    assert "No number has changed." in repository.run(".ci/report", "base", "report")
    repository.fid(12)
    repository.run("dvc", "repro", "--quiet")
    repository.run("dvc", "push", "--quiet")
    repository.commit()
    clone = repository.clone()
    said = clone.run(".ci/report", "base", "report")
    assert (clone.path / "report/report.md").read_text() in said
    (row,) = [line for line in said.splitlines() if "fid" in line and "31.75" in line]
    assert "12" in row
    assert "![digits](digits.png)" in said
    sheet = (ROOT / "docs/figures/sheet.png").read_bytes()
    assert (clone.path / "report/digits.png").read_bytes() == sheet


def test_a_base_without_numbers_is_said(repository):
    repository.run("git", "tag", "base")
    said = repository.run(".ci/report", "base", "report")
    assert "There are no numbers at base" in said and "None here" in said


@pytest.mark.parametrize("file", [".github/workflows/ci.yml", ".gitlab-ci.yml"])
def test_the_files_for_servers_call_scripts_that_are_there(file: str):
    text = (ROOT / file).read_text()
    assert yaml.safe_load(text)
    for script in (".ci/run", ".ci/results", ".ci/report"):
        assert script in text
        assert os.access(ROOT / script, os.X_OK)
