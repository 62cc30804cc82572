"""DVC's experiments on the pipeline, as docs/experiments.md describes them."""

import csv
import io
import json
from pathlib import Path

import pytest

from tests.conftest import Project
from tests.interplay.test_engines import assert_agreed
from tests.interplay.tinyproject import wait_until

PARAMETER = "runs.digits.parzen.validation_images"
READABLE = ("--drop", r"^(params\.yaml|(pipeline|data)/.*|.*seconds|results/[^:]*)$")


@pytest.fixture(scope="module")
def tried(finished: Project, tmp_path_factory: pytest.TempPathFactory) -> Project:
    """One experiment run at once, one from the queue; the workspace is as it was."""
    project = finished.copy(tmp_path_factory.mktemp("tried") / "a copy")
    project.run("dvc", "exp", "run", "--name", "now", "--set-param", f"{PARAMETER}=200")
    project.run("git", "checkout", "--quiet", ".")
    project.run("dvc", "checkout")
    project.run("dvc", "exp", "run", "--queue", "--name", "later", "-S", f"{PARAMETER}=150")
    project.run("dvc", "queue", "start", "--jobs", "1")
    wait_until(lambda: "Success" in project.run("dvc", "queue", "status"), seconds=300)
    return project


def test_experiments_are_listed_with_what_they_changed_and_got(tried: Project):
    shown = csv.DictReader(io.StringIO(tried.run("dvc", "exp", "show", "--csv", *READABLE)))
    rows = {row["Experiment"]: row for row in shown}
    assert {rows[name][PARAMETER] for name in ("now", "later")} == {"200", "150"}
    scores = {rows[name]["results/scores/digits.json:log_likelihood"] for name in ("now", "later")}
    assert all(float(score) > 0 for score in scores)
    noise = {name for name in rows["now"] if name.startswith(("pipeline/", "data/"))}
    assert not noise


def test_two_experiments_are_compared(tried: Project):
    differences = json.loads(tried.run("dvc", "exp", "diff", "now", "later", "--json"))
    assert differences["params"]["params.yaml"] == {
        PARAMETER: {"old": 200, "new": 150, "diff": -50}
    }


def test_our_own_comparison_shows_what_two_experiments_changed_and_got(tried: Project):
    lines = tried.pipeline("compare", "now", "later").splitlines()
    changed = next(line for line in lines if "validation_images" in line)
    assert changed.split()[-2:] == ["200", "150"]
    nats = next(line for line in lines if line.startswith("nats")).split()[1:]
    shown = csv.DictReader(io.StringIO(tried.run("dvc", "exp", "show", "--csv", *READABLE)))
    of_dvc = {row["Experiment"]: row["results/scores/digits.json:log_likelihood"] for row in shown}
    for value, name in zip(nats[:2], ("now", "later"), strict=True):  # then real data
        assert float(value) == pytest.approx(float(of_dvc[name]), abs=0.01)


def test_an_applied_experiment_is_what_both_engines_find_done(tried: Project, tmp_path: Path):
    copy = tried.copy(tmp_path / "a copy")
    copy.run("dvc", "exp", "apply", "later")
    assert "validation_images: 150" in (copy.path / "params.yaml").read_text()
    assert_agreed(copy)


def test_an_experiment_reaches_a_teammate(tried: Project, tmp_path: Path):
    copy = tried.copy(tmp_path / "a copy")
    copy.run("dvc", "remote", "add", "--default", "team", str(tmp_path / "data"))
    copy.run("git", "commit", "--quiet", "--all", "--message", "add a remote")
    copy.run("git", "init", "--quiet", "--bare", "--initial-branch", "main", str(tmp_path / "bare"))
    copy.run("git", "remote", "add", "origin", str(tmp_path / "bare"))
    copy.run("git", "push", "--quiet", "origin", "main")
    copy.run("dvc", "exp", "push", "origin", "now")
    copy.run("git", "clone", "--quiet", str(tmp_path / "bare"), str(tmp_path / "a clone"))
    clone = Project(tmp_path / "a clone")
    clone.run("dvc", "exp", "pull", "origin", "now")
    assert "now" in clone.run("dvc", "exp", "list", "--all-commits")


def test_a_value_that_dvc_cannot_set_stops_the_experiment(project: Project):
    """DVC sets it under one key of a block that two share, and back under the other."""
    project.edit("params.yaml", "\n  line:\n    dataset", "\n  line: &line\n    dataset")
    file = project.path / "params.yaml"
    file.write_text(file.read_text() + "  again: {<<: *line, seed: 1}\n")
    project.commit("seed 1")
    said = project.run("dvc", "exp", "run", "-S", "runs.line.train.steps=7", fails=True)
    assert "this experiment has the values of its commit" in said
    assert "runs.line.train = runs.again.train" in said
    assert "next: python -m pipeline sweep --in-full" in said
    assert "Traceback" not in said
