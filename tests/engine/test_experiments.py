"""`dvc exp run --set-param` on blocks that several keys share: never a silent loss."""

from pathlib import Path

import pytest
from dvc.utils.hydra import apply_overrides

from pipeline.config.params import load
from pipeline.engine.experiments import BASELINE, check_shared_blocks, shared_blocks
from pipeline.errors import ConfigError
from pipeline.team.sweep import sweep, write_in_full
from tests.conftest import ROOT, Project

RATE = "train.generator.optimizer.lr"


@pytest.fixture
def file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """params.yaml with an anchor that somebody wrote, in the commit that the experiment starts from."""
    path = tmp_path / "params.yaml"
    text = (ROOT / "recipes/quick.yaml").read_text()
    text = text.replace("\n  line:\n    dataset", "\n  line: &line\n    dataset")
    path.write_text(text + "  line_seed1: {<<: *line, seed: 1}\n")
    project = Project(tmp_path)
    project.run("git", "init", "--quiet")
    project.commit()
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv(BASELINE, "HEAD")
    return Path("params.yaml")


def test_a_value_that_dvc_sets_back_is_refused(file: Path):
    apply_overrides(str(file), [f"runs.line.{RATE}=0.5"])
    with pytest.raises(ConfigError, match=r"runs\.line\.train = runs\.line_seed1\.train"):
        check_shared_blocks(file)


def test_a_value_that_dvc_sets_in_both_runs_is_noted(
    file: Path, capsys: pytest.CaptureFixture[str]
):
    apply_overrides(str(file), [f"runs.line_seed1.{RATE}=0.5"])
    check_shared_blocks(file)
    note = "runs.line.train and runs.line_seed1.train are one block in params.yaml; both changed"
    assert note in capsys.readouterr().err


@pytest.mark.parametrize(
    "override", ["runs.line.seed=5", "runs.line_seed1.seed=5", f"runs.digits.{RATE}=0.5"]
)
def test_other_values_arrive_without_a_word(
    file: Path, capsys: pytest.CaptureFixture[str], override: str
):
    apply_overrides(str(file), [override])
    check_shared_blocks(file)
    assert capsys.readouterr().err == ""


def test_outside_of_an_experiment_nothing_is_compared(file: Path, monkeypatch: pytest.MonkeyPatch):
    apply_overrides(str(file), [f"runs.line.{RATE}=0.5"])
    monkeypatch.delenv(BASELINE)
    check_shared_blocks(file)


RECIPES = [ROOT / "params.yaml", *sorted((ROOT / "recipes").glob("*.yaml"))]


@pytest.mark.parametrize("recipe", RECIPES, ids=lambda path: path.stem)
def test_every_value_of_a_recipe_can_be_set_in_an_experiment(recipe: Path, tmp_path: Path):
    """No block is shared, once the runs of a recipe that has anchors are written in full."""
    path = tmp_path / "params.yaml"
    path.write_text(recipe.read_text())
    has_anchors = "<<: " in recipe.read_text()
    assert bool(shared_blocks(path.read_text())) == has_anchors
    before = load(path)
    written = write_in_full(path)
    assert bool(written) == has_anchors
    assert shared_blocks(path.read_text()) == []
    assert load(path) == before


def test_a_swept_run_takes_values_of_an_experiment(file: Path, monkeypatch: pytest.MonkeyPatch):
    sweep(file, "digits", ["seed=1"])
    apply_overrides(str(file), [f"runs.digits.{RATE}=0.5", f"runs.digits_seed1.{RATE}=0.25"])
    runs = load(file).runs
    rates = [runs[name].train.generator.optimizer.lr for name in ("digits", "digits_seed1")]
    assert rates == [0.5, 0.25]
