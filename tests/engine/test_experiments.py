"""`dvc exp run --set-param` on blocks that several keys share: never a silent loss."""

from pathlib import Path

import pytest
from dvc.utils.hydra import apply_overrides

from pipeline.engine.experiments import BASELINE, check_shared_blocks, shared_blocks
from pipeline.errors import ConfigError
from pipeline.team.sweep import sweep
from tests.conftest import ROOT, Project

RATE = "train.generator.optimizer.lr"


@pytest.fixture
def file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """params.yaml as `sweep` has written it, in the commit that the experiment starts from."""
    path = tmp_path / "params.yaml"
    path.write_text((ROOT / "recipes/quick.yaml").read_text())
    sweep(path, "line", ["seed=1"])
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


def test_every_value_of_the_default_params_can_be_set_in_an_experiment():
    """No block of them is shared."""
    assert shared_blocks((ROOT / "params.yaml").read_text()) == []
