"""Runs that start from another run's model, in both engines: `continued:` of params.yaml."""

import copy
from pathlib import Path

import pytest
import yaml
from ruamel.yaml import YAML

from pipeline.io.header import about
from tests.conftest import ROOT, Project, new_project


def small() -> dict:
    """Two trainings on few points for a few steps, and one that goes on from the first."""
    content = YAML(typ="safe").load((ROOT / "recipes/quick.yaml").read_text())
    line, data = content["runs"]["line"], content["datasets"]["line"]
    data["source"] |= {"train_points": 600, "test_points": 200}
    data["normalize"] = {"validation_images": 100}
    line["train"] |= {"steps": 12, "log_steps": 6, "grid_steps": 6, "ema": None}
    line["sample"] = {"count": 100}
    line["parzen"] |= {"real_data_images": 100}
    longer = {**copy.deepcopy(line), "from": "line"}
    longer["train"] |= {"steps": 8}
    runs = {"line": line, "sibling": {**copy.deepcopy(line), "seed": 1}}
    return {"datasets": {"line": data}, "runs": runs, "continued": {"longer": longer}}


def write(project: Project, content: dict) -> None:
    YAML(typ="safe").dump(content, project.path / "params.yaml")


MODELS = [f"results/{name}/model.safetensors" for name in ("longer", "sibling")]


@pytest.fixture(scope="module")
def both(tmp_path_factory) -> tuple[Project, Project]:
    """Trained in one project by Snakemake, in another by DVC; nothing behind training has run."""
    folder = tmp_path_factory.mktemp("continuing")
    projects = [new_project(folder / engine, "recipes/quick.yaml") for engine in ("snake", "dvc")]
    for project in projects:
        write(project, small())
        project.commit("a run that goes on")
    projects[0].snakemake(*MODELS)
    projects[1].run("dvc", "repro", "--quiet", "continued_train@longer", "train@sibling")
    return projects[0], projects[1]


def recorded(project: Project) -> dict:
    """Stages of dvc.lock with the digests of what they read and made."""
    return yaml.safe_load((project.path / "dvc.lock").read_text())["stages"]


def test_both_engines_train_the_same_bytes_and_leave_nothing_to_do(both):
    snake, dvc = both
    assert recorded(snake) == recorded(dvc)
    assert set(recorded(dvc)) > {"train@line", "continued_train@longer"}
    assert "Nothing to be done" in dvc.snakemake("-n", *MODELS)
    model = dvc.path / MODELS[0]
    assert (about(model)["from"]["run"], about(model)["from"]["steps"]) == ("line", 12)
    assert about(model)["steps"] == 8


def test_what_it_starts_from_makes_it_stale_and_nothing_else_does(both, tmp_path):
    project = both[0].copy(tmp_path / "copy")
    content = small()
    content["runs"]["sibling"]["train"]["steps"] = 14
    write(project, content)
    plan = project.snakemake("-n", *MODELS)
    assert "train sibling: steps 12 -> 14" in plan and "longer" not in plan
    content = small()
    content["runs"]["line"]["train"]["steps"] = 10
    write(project, content)
    plan = project.snakemake("-n", *MODELS)
    assert "train line: steps 12 -> 10" in plan
    assert "train longer: after train line" in plan and "sibling" not in plan


def test_a_bad_start_is_refused_by_both_engines(both, tmp_path):
    project = both[0].copy(tmp_path / "copy")
    content = small()
    content["continued"]["longer"]["from"] = "lime"
    write(project, content)
    words = "continued.longer.from is 'lime', which is no run (did you mean line?)"
    assert words in project.snakemake(fails=True)
    assert words in project.run("dvc", "repro", fails=True)


def test_killed_and_called_again_it_ends_in_the_same_bytes(both, tmp_path, monkeypatch):
    from pipeline.cli import main
    from tests import power

    project = both[0].copy(tmp_path / "copy")
    monkeypatch.chdir(project.path)
    model = Path("results/longer/model.safetensors")
    whole = model.read_bytes()
    model.unlink()
    with power.failing(monkeypatch, lambda training: training.step == 5):
        main(["train", "longer"])
    assert main(["train", "longer"]) == 0
    assert model.read_bytes() == whole
