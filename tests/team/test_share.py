"""What may not be passed on stays where it is, unless told; and how far sharing is."""

import os
import pty
import shutil
import subprocess
from pathlib import Path

import pytest

from pipeline.config.datasets import Dataset, Tfd
from pipeline.config.params import Params, validate
from pipeline.team.private import private_files, shown
from tests.config.test_params import quick
from tests.conftest import Project, environment, new_project

KEPT = {"data/raw/line.npz", "data/normalized/line.safetensors"}


@pytest.fixture(scope="module")
def team(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Ada has prepared both datasets; params.yaml says of one that it may not be shared."""
    folder = tmp_path_factory.mktemp("share") / "a team"
    ada = new_project(folder / "ada", "recipes/quick.yaml")
    ada.run("git", "init", "--quiet", "--bare", "--initial-branch", "main", "../team.git")
    ada.run("git", "remote", "add", "origin", "../team.git")
    (folder / "data remote").mkdir()
    ada.run("dvc", "remote", "add", "--default", "team", "../data remote")
    ada.edit("params.yaml", "  line:\n    source:", "  line:\n    may_share: false\n    source:")
    ada.run("dvc", "repro", "--quiet", "normalize@line", "normalize@digits")
    ada.commit("both datasets")
    return folder


@pytest.fixture
def ada(team: Path, tmp_path: Path) -> Project:
    return Project(shutil.copytree(team, tmp_path / "a team", symlinks=True) / "ada")


def clone(ada: Project) -> Project:
    ben = Project(ada.path.with_name("ben"))
    ada.run("git", "clone", "--quiet", "../team.git", "../ben")
    return ben


def test_images_that_may_not_be_passed_on_stay_and_the_rest_is_shared(ada: Project):
    said = ada.pipeline("share", "--partial")
    assert "2 file(s) stay here, because they show images of line (may_share: false): " in said
    assert all(path in said for path in KEPT)
    ben = clone(ada)
    said = ben.pipeline("fetch")
    assert "2 file(s) stay with who made them" in said and "was never pushed" not in said
    assert (ben.path / "data/normalized/digits.safetensors").is_file()
    assert (ben.path / "data/raw/line.json").is_file()
    assert not any((ben.path / path).exists() for path in KEPT)
    # who has the images makes the files, and has the same
    ben.run("dvc", "repro", "--quiet", "normalize@line")
    assert all((ben.path / p).read_bytes() == (ada.path / p).read_bytes() for p in KEPT)
    assert ben.run("git", "status", "--porcelain") == ""


def test_all_data_go_when_told(ada: Project):
    assert "stay here" not in ada.pipeline("share", "--partial", "--all-data")
    ben = clone(ada)
    assert "stay with" not in ben.pipeline("fetch")
    assert all((ben.path / path).is_file() for path in KEPT)


def test_share_and_fetch_show_dvcs_progress_on_a_terminal(ada: Project):
    said = on_terminal(ada, "share", "--partial")
    assert "Pushing" in said and "file/s]" in said
    said = on_terminal(clone(ada), "fetch")
    assert "Fetching" in said and "file/s]" in said


def test_what_failed_is_said_once_on_a_terminal(ada: Project):
    (ada.path / "../data remote/files").touch()
    said = on_terminal(ada, "share", "--partial")
    _, nothing_lost, why = said.partition("failed; nothing was lost.")
    assert nothing_lost and "A file stands where the remote's folder should be" in why
    assert said.count("ERROR") == why.count("ERROR") > 0


def test_a_repository_that_takes_no_push_is_named_with_a_way_out(ada: Project):
    hook = ada.path / "../team.git/hooks/pre-receive"
    hook.write_text("#!/bin/sh\nexit 1\n")
    hook.chmod(0o755)
    said = ada.pipeline("share", "--partial", fails=True)
    assert "git push failed; the data are there." in said
    assert "git remote set-url origin URL" in said


def on_terminal(project: Project, *command: str) -> str:
    """What `python -m pipeline` prints on the terminal that is its stderr."""
    ours, theirs = pty.openpty()
    with subprocess.Popen(
        ("python", "-m", "pipeline", *command),
        cwd=project.path,
        env=environment(),
        stdout=subprocess.DEVNULL,
        stderr=theirs,
    ):
        os.close(theirs)
        said = b""
        try:
            while some := os.read(ours, 2**16):
                said += some
        except OSError:  # Linux, at the end
            pass
    os.close(ours)
    return said.decode()


def with_tfd(**more: bool) -> Params:
    content = quick()
    tfd = {"source": {"name": "tfd", "path": "TFD_48x48.mat"}, "normalize": {}}
    content["datasets"]["faces"] = tfd | more
    content["runs"]["digits"] |= {"dataset": "faces", "parzen": {}}
    return validate(content, "params.yaml")


def test_tfd_and_pictures_that_show_it_may_not_be_passed_on():
    assert private_files(with_tfd()) == {
        "data/raw/faces.npz": "faces",
        "data/normalized/faces.safetensors": "faces",
        "results/digits/sheet.png": "faces",
        "results/digits/neighbours.png": "faces",
    }
    assert private_files(with_tfd(may_share=True)) == {}
    assert private_files(validate(quick(), "params.yaml")) == {}


def test_a_model_that_keeps_training_images_may_not_be_passed_on_either():
    """As the files of these families say themselves (models/cae/stack.py, models/baseline)."""
    assert "model.safetensors" in shown("cae")
    assert {"model.safetensors", "samples.npy"} <= set(shown("baseline"))
    assert "model.safetensors" not in {*shown("gan"), *shown("rbm")}
    assert "interpolation.png" in shown("rbm")


def test_every_source_says_under_which_licence_its_images_are():
    for source in Dataset.model_fields["source"].annotation.__args__:
        if "licence" not in source.model_fields:
            assert isinstance(source.licence, str) and source.licence
        assert source.may_share is (source is not Tfd)
