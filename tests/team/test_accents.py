"""DVC empties .dvc/config when it writes a path with an accent: said before and after, with a way that works."""

from pathlib import Path

import pytest

from tests.conftest import Project, new_project

TEAM = ("dvc", "remote", "add", "--default", "team")


@pytest.fixture
def ada(tmp_path: Path) -> Project:
    """In a folder with an accent, beside the team's two."""
    ada = new_project(tmp_path / "équipe" / "ada", "recipes/quick.yaml")
    ada.run("git", "init", "--quiet", "--bare", "--initial-branch", "main", "../team.git")
    ada.run("git", "remote", "add", "origin", "../team.git")
    ada.path.with_name("données").mkdir()
    ada.path.with_name("results").mkdir()
    return ada


def test_settings_that_dvc_has_emptied_are_named_and_come_back(ada: Project):
    before = (ada.path / ".dvc/config").read_bytes()
    ada.run(*TEAM, str(ada.path.with_name("données")), fails=True)
    assert (ada.path / ".dvc/config").read_bytes() == b"", "DVC is mended: the warnings can go"
    for command in ("share", "fetch"):
        said = ada.pipeline(command, fails=True)
        assert ".dvc/config is empty: DVC empties it when a path in it has letters beyond" in said
        assert "Traceback" not in said and len(said.splitlines()) < 5
    ada.run("bash", "-c", "git checkout .dvc/config")  # as the message says
    assert (ada.path / ".dvc/config").read_bytes() == before


def test_settings_that_dvc_would_empty_are_named(ada: Project):
    config = ada.path / ".dvc/config"
    config.write_text(f"{config.read_text()}['remote \"old\"']\n    url = ../données\n")
    said = ada.pipeline("share", fails=True)
    assert "warning: .dvc/config holds letters beyond ASCII" in said
    assert "Traceback" not in said


@pytest.mark.parametrize("way", ["link", "relative"])
def test_the_ways_around_it_work(ada: Project, tmp_path: Path, way: str):
    (tmp_path / "plain").symlink_to(ada.path.with_name("données"))
    ada.run(*TEAM, str(tmp_path / "plain") if way == "link" else "../results")
    ada.run("dvc", "remote", "modify", "team", "verify", "true")
    ada.run("dvc", "repro", "--quiet", "download@line")
    ada.commit("points")
    said = ada.pipeline("share", "--partial")
    assert "warning" not in said and "pushed" in said
    ada.run("bash", "-c", "rm -r .dvc/cache data/raw/line.npz")
    ada.pipeline("fetch")
    assert (ada.path / "data/raw/line.npz").is_file()
