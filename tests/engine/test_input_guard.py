"""What changes under a stage while it runs, and what a stage run by hand reads."""

import hashlib
from pathlib import Path

import pytest

from pipeline import cli
from pipeline.engine import input_guard, processes
from pipeline.engine.input_guard import InputError, recorded_as_read
from tests.conftest import Project, new_project


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Project:
    """The points of the quick recipe, normalized and recorded."""
    project = new_project(tmp_path_factory.mktemp("guard") / "a project", "recipes/quick.yaml")
    project.run("dvc", "repro", "--quiet", "normalize@line")
    return project


@pytest.fixture
def project(made: Project, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Project:
    copy = made.copy(tmp_path / "a project")
    monkeypatch.chdir(copy.path)
    return copy


def deleted(path: Path) -> None:
    path.unlink()


def folder(path: Path) -> None:
    path.unlink()
    path.mkdir()


SPOILT = {
    "deleted": deleted,
    "a folder": folder,
    "emptied": lambda path: path.write_text(""),
    "half saved": lambda path: path.write_text(path.read_text()[:100] + "{["),
    "not UTF-8": lambda path: path.write_bytes(b"runs: \xe9"),
    "a date of month 13": lambda path: path.write_text("runs: 2020-13-45"),
    "too deep": lambda path: path.write_text("[" * 100_000),
}


@pytest.mark.parametrize("how", SPOILT)
def test_params_that_are_spoilt_while_a_stage_runs_fail_it_in_a_few_lines(
    project: Project, monkeypatch: pytest.MonkeyPatch, how: str
):
    monkeypatch.setenv("DVC_STAGE", "normalize@line")
    monkeypatch.setattr(processes, "end_with_starter", lambda: None)
    with pytest.raises(InputError) as error, recorded_as_read():
        SPOILT[how](project.path / "params.yaml")
    said = str(error.value)
    assert "params.yaml (or dvc.yaml; one of them cannot be read now) changed while" in said
    assert "Nothing is lost" in said and len(said.splitlines()) == 1


def test_code_that_is_deleted_while_a_stage_runs_is_named(
    project: Project, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("DVC_STAGE", "normalize@line")
    monkeypatch.setattr(processes, "end_with_starter", lambda: None)
    with (
        pytest.raises(InputError, match=r"^pipeline/stages/normalize.py changed while"),
        recorded_as_read(),
    ):
        (project.path / "pipeline/stages/normalize.py").unlink()


def test_a_file_that_vanishes_between_two_looks_is_no_traceback(
    project: Project, monkeypatch: pytest.MonkeyPatch
):
    (project.path / "pipeline/dangling.py").symlink_to("nowhere.py")
    assert input_guard.Snapshot.take().code["pipeline/dangling.py"] is None


def by_hand(capsys: pytest.CaptureFixture, *command: str) -> str:
    assert cli.main(list(command)) == 0
    return capsys.readouterr().err


def flip(path: Path) -> None:
    """One bit of the last number: a valid file with another value."""
    content = bytearray(path.read_bytes())
    content[-4] ^= 1
    path.write_bytes(content)


def test_a_flipped_bit_is_said_when_a_stage_is_run_by_hand(
    project: Project, capsys: pytest.CaptureFixture
):
    assert "warning" not in by_hand(capsys, "features", "line")
    flip(project.path / "data/normalized/line.safetensors")
    said = by_hand(capsys, "features", "line")
    assert said.count("warning") == 1
    assert "data/normalized/line.safetensors is not what dvc.lock records" in said
    step = said.rpartition("the recorded one: ")[2].strip()
    project.run(*step.split())
    assert "warning" not in by_hand(capsys, "features", "line")


def test_nothing_is_said_where_nothing_is_recorded_or_the_engine_looks(
    project: Project, capsys: pytest.CaptureFixture, monkeypatch: pytest.MonkeyPatch
):
    flip(project.path / "data/normalized/line.safetensors")
    with monkeypatch.context() as patched:
        patched.setenv("DVC_STAGE", "features@line")
        patched.setattr(processes, "end_with_starter", lambda: None)
        assert "warning" not in by_hand(capsys, "features", "line")
    for lock in ("", "stages: 5", "stages: {a: {outs: [{path: x}]}}", "[" * 100_000):
        (project.path / "dvc.lock").write_text(lock)
        assert "warning" not in by_hand(capsys, "features", "line")


def test_inputs_of_a_run_and_of_all_runs_are_those_that_dvc_yaml_lists(project: Project):
    from pipeline.engine.by_hand import inputs

    assert inputs("parzen", "line") == {
        "data/normalized/line.safetensors",
        "results/line/samples.npy",
        "results/line/samples",
        "results/line/views",
        "results/line/model.safetensors",
    }
    project.edit(
        "params.yaml", "datasets:", "likelihoods: {l: {run: digits, dataset: d}}\ndatasets:"
    )
    assert inputs("likelihood", "l") == {
        "data/normalized/d.safetensors",
        "results/digits/model.safetensors",
    }
    assert inputs("table", None) == {"results/params.json", "results/scores"}
    (project.path / "results/scores").mkdir(parents=True)
    score = project.path / "results/scores/line.json"
    score.write_text("{}")
    md5 = hashlib.md5(b"[]", usedforsecurity=False).hexdigest()
    (project.path / "dvc.lock").write_text(
        f"stages: {{scores@line: {{outs: [{{path: results/scores/line.json, md5: {md5}}}]}}}}"
    )
    from pipeline.engine.by_hand import other_inputs

    assert list(other_inputs("table", None)) == ["results/scores/line.json"]
