"""make fetch with the real dvc.yaml: which files it says are made, and the way out of a conflict."""

import re
import shutil
from pathlib import Path

import pytest

from tests.conftest import ROOT, Project, new_project

# what Git keeps and the engines write; `dvc.lock` records a command that has never run
MADE = ("dvc.lock", "results/summary.json", "results/table.csv", "results/table.md")
LOCK = "schema: '2.0'\nstages:\n  check:\n    cmd: the one of {name}\n"


def write_made(project: Project, name: str) -> None:
    for path in MADE:
        content = LOCK if path == "dvc.lock" else "of {name}\n"
        (project.path / path).parent.mkdir(exist_ok=True)
        (project.path / path).write_text(content.format(name=name))


@pytest.fixture(scope="module")
def team(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two clones: Ben has pushed other results, and Ada has committed hers."""
    folder = tmp_path_factory.mktemp("fetch") / "a team"
    ada = new_project(folder / "ada", "recipes/quick.yaml")
    ada.run("git", "init", "--quiet", "--bare", "--initial-branch", "main", "../team.git")
    ada.run("git", "remote", "add", "origin", "../team.git")
    (folder / "data remote").mkdir()
    ada.run("dvc", "remote", "add", "--default", "team", "../data remote")
    write_made(ada, "both")
    ada.commit("the team's first")
    ada.run("git", "push", "--quiet", "origin", "main")
    ben = ada.copy(folder / "ben")
    write_made(ben, "ben")
    ben.commit("ben's")
    ben.run("git", "push", "--quiet", "origin", "main")
    write_made(ada, "ada")
    ada.commit("ada's")
    return folder


@pytest.fixture
def ada(team: Path, tmp_path: Path) -> Project:
    return Project(shutil.copytree(team, tmp_path / "a team", symlinks=True) / "ada")


def test_a_conflict_in_made_files_alone_asks_for_no_editing(ada: Project):
    said = ada.pipeline("fetch", fails=True)
    assert f"both sides changed {', '.join(MADE)}." in said
    assert "by hand" not in said
    way_out = next(line for line in said.splitlines() if "git checkout --ours" in line)
    ada.run("bash", "-c", way_out)
    ada.run("git", "add", "--all")
    ada.run("git", "commit", "--quiet", "--no-edit")
    assert "of ada" in (ada.path / "results/table.csv").read_text()


def test_what_a_person_wrote_is_to_be_edited(ada: Project):
    ben = Project(ada.path.with_name("ben"))
    for project, steps in ((ben, 700), (ada, 800)):
        project.edit("params.yaml", "steps: 600\n      batch_size: 100", f"steps: {steps}")
        project.commit("longer")
    ben.run("git", "push", "--quiet", "origin", "main")
    said = ada.pipeline("fetch", fails=True)
    assert "edit params.yaml by hand, then: git add params.yaml" in said
    assert f"git checkout --ours {' '.join(MADE)}" in said


def test_a_name_that_a_shell_would_split_is_quoted(ada: Project):
    ben = Project(ada.path.with_name("ben"))
    for project in (ben, ada):
        (project.path / "idées de tous.md").write_text(f"of {project.path.name}\n")
        project.commit("notes")
    ben.run("git", "push", "--quiet", "origin", "main")
    said = ada.pipeline("fetch", fails=True)
    assert "by hand, then: git add 'idées de tous.md'" in said


def test_a_branch_that_the_remote_lacks_is_no_other_one_with_its_name_at_the_end(ada: Project):
    ada.run("git", "push", "--quiet", "origin", "main:ben/fix")
    ada.run("git", "switch", "--quiet", "--create", "fix")
    assert "has no branch fix yet; nothing to merge" in ada.pipeline("fetch")


def test_the_documentation_names_the_same_files():
    line = re.search(r"^git checkout --ours (.+)$", (ROOT / "docs/team.md").read_text(), re.M)
    assert line is not None and sorted(line[1].split()) == list(MADE)


@pytest.mark.parametrize("command", ["share", "fetch"])
def test_a_folder_of_another_user_is_named_in_gits_own_words(
    ada: Project, command: str, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv(
        "GIT_TEST_ASSUME_DIFFERENT_OWNER", "1"
    )  # a switch of Git's for its own tests
    said = ada.pipeline(command, fails=True)
    assert "dubious ownership" in said and "safe.directory" in said
    assert "Traceback" not in said


def test_make_names_the_folder_of_another_user_in_gits_own_words(
    ada: Project, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("GIT_TEST_ASSUME_DIFFERENT_OWNER", "1")
    said = ada.run("tools/prerequisites", "python3", fails=True)
    assert "dubious ownership" in said and "safe.directory" in said
