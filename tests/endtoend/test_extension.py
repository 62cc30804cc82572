"""The calls that DVC's extension for VS Code makes, as far as its source tells, while a training runs."""

import json
import subprocess
import time
from collections.abc import Iterator

import pytest
from ruamel.yaml import YAML

from tests.conftest import Project, environment
from tests.endtoend.test_continuing import small, write

SECONDS = 300


@pytest.fixture
def training(project: Project) -> Iterator[Project]:
    """A project in which `dvc repro` trains for as long as it is left to."""
    content = small()
    content["runs"] = {"line": content["runs"]["line"]}
    content["runs"]["line"]["train"] |= {"steps": 10**7, "log_steps": 20, "grid_steps": 10**6}
    del content["continued"]
    write(project, content)
    project.commit("a long training")
    command = ["dvc", "repro", "--quiet", "train@line"]
    log, until = project.path / "results/line/training.tsv", time.monotonic() + SECONDS
    with subprocess.Popen(command, cwd=project.path, env=environment()) as dvc:
        try:
            while not log.is_file():
                assert dvc.poll() is None and time.monotonic() < until
                time.sleep(0.1)
            yield project
            assert dvc.poll() is None, "it was to run all the time"
        finally:
            dvc.terminate()  # the training notices that its starter is gone
            dvc.wait(60)


def asked(project: Project, *command: str) -> str:
    """What `dvc` answers on standard output."""
    done = subprocess.run(
        ["dvc", *command],
        cwd=project.path,
        env=environment(),
        capture_output=True,
        text=True,
        timeout=SECONDS,
        check=False,
    )
    assert done.returncode == 0, f"{command}: {done.stderr}"
    return done.stdout


def test_the_extension_is_answered_while_a_training_runs(training: Project):
    assert asked(training, "root").strip() == "."
    assert "train@line" in asked(training, "stage", "list", "--name-only")
    assert asked(training, "remote", "list") == ""
    asked(training, "config", "--list")

    shown = json.loads(asked(training, "exp", "show", "--json", "--num", "3"))
    workspace = next(row for row in shown if row["rev"] == "workspace")
    params = workspace["data"]["params"]["params.yaml"]["data"]
    assert params["runs"]["line"]["train"]["steps"] == 10**7

    status = json.loads(asked(training, "data", "status", "--granular", "--unchanged", "--json"))
    tracked = YAML(typ="safe").load(training.path / "dvc.lock")["stages"]
    assert status.keys() <= {
        "committed",
        "uncommitted",
        "not_in_cache",
        "unchanged",
        "untracked",
        "git",
    }
    assert "normalize@line" in tracked and "train@line" not in tracked

    plots = json.loads(
        asked(training, "plots", "diff", "-o", ".dvc/tmp/plots", "--split", "--json")
    )
    (curve,) = plots["data"]["results/line/training.tsv"]
    points = curve["anchor_definitions"]["<DVC_METRIC_DATA>"]
    assert {point["rev"] for point in points} == {"workspace"}
    assert str(points[0]["step"]) == "20"
    json.loads(asked(training, "plots", "show", "--json"))
