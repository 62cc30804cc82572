"""What `compare` shows of runs, of revisions and of experiments, and how it ends where there is nothing."""

import copy
import json
import shutil
import subprocess
from pathlib import Path

import pytest
import yaml

from pipeline.cli import main
from pipeline.config.params import read
from pipeline.report.compare import compare
from pipeline.team.sweep import sweep
from tests.conftest import environment
from tests.report.folder import edit, finish, md5, measure, set_up, write

PARAMS = Path("params.yaml")


@pytest.fixture(autouse=True)
def here(tmp_path, monkeypatch):
    set_up(tmp_path)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def git(*arguments: str) -> str:
    return subprocess.run(
        ["git", *arguments], check=True, capture_output=True, text=True, env=environment()
    ).stdout.strip()


def commit(message: str) -> str:
    """All but results, which are in DVC's cache instead."""
    path = Path("results/scores/digits.json")
    for file in (path, path.with_name("line.json")):
        digest = md5(file)
        write(Path(f".dvc/cache/files/md5/{digest[:2]}/{digest[2:]}"), file.read_text())
    git("add", "params.yaml", "dvc.yaml", "dvc.lock")
    git("commit", "--quiet", "--message", message)
    return git("rev-parse", "HEAD")


@pytest.fixture
def history(here) -> Path:
    """Two commits; the second trains digits for 400 steps, with another FID."""
    git("init", "--quiet", "--initial-branch", "main")
    Path(".dvc").mkdir()
    Path(".dvc/config").touch()
    finish(Path())
    commit("first")
    git("tag", "first")
    edit(PARAMS, "steps: 600\n      batch_size: 100", "steps: 400\n      batch_size: 100")
    finish(Path(), digits={"fid": 50.0})
    commit("second")
    return here


def lines(text: str) -> dict[str, list[str]]:
    """Label -> cells of each line."""
    rows = (line.split("  ") for line in text.splitlines() if "  " in line)
    return {row[0].strip(): [cell.strip() for cell in row[1:] if cell.strip()] for row in rows}


def test_runs_of_this_folder_stand_side_by_side_with_what_differs():
    sweep(PARAMS, "digits", ["train.steps=600,900"])
    finish(Path(), digits_steps900={"fid": 20.0})
    shown = lines(compare(["digits", "digits_steps900"], 80))
    assert shown["train.steps"] == ["600", "900"]
    assert shown["FID (classifier)"] == ["31.7", "20.0", "11.8"]
    assert "train.batch_size" not in shown


def test_scores_of_another_version_are_left_out_and_named():
    finish(Path(), digits={"features": "of another version"})
    said = compare([], 80)
    assert "note: digits here: scores of another version of this project, left out" in said
    assert "31.7" in said, "the run line has the same scores"


def test_a_run_that_was_trained_and_not_scored_is_not_called_unrun():
    sweep(PARAMS, "digits", ["seed=0,1"])
    finish(Path())
    stages = stages_of_lock()
    del stages["scores@digits_seed1"]
    write_lock(stages)
    assert lines(compare(["digits", "digits_seed1"], 80))["verdict"][:2] == [
        "healthy",
        "no scores yet",
    ]


def test_runs_that_params_yaml_does_not_name_any_more_are_left_out(history):
    """Of another recipe: DVC keeps their entries in dvc.lock, and their scores may be nowhere."""
    before = stages_of_lock()
    lose('"fid": 50.0')
    Path("results/scores/digits.json").unlink()
    edit(PARAMS, "  digits:\n    dataset: digits", "  others:\n    dataset: digits")
    finish(Path(), others={"fid": 20.0})
    write_lock(before | stages_of_lock())
    assert lines(compare([], 80))["digits"] == ["others", "real data"]
    shown = lines(compare(["first"], 80))
    assert (shown["digits"][:2], shown["others"][:2]) == (["first", "here"], ["first", "here"])


def stages_of_lock() -> dict:
    return yaml.safe_load(Path("dvc.lock").read_text())["stages"]


def write_lock(stages: dict) -> None:
    Path("dvc.lock").write_text(yaml.safe_dump({"schema": "2.0", "stages": stages}))


def test_a_clone_of_a_release_shows_its_numbers_without_a_cache():
    """Git has dvc.lock and the summary; scores are in DVC's cache, which the clone lacks."""
    finish(Path())
    expected = compare([], 80)
    scores = {path.stem: json.loads(path.read_text()) for path in Path("results/scores").iterdir()}
    write(Path("results/summary.json"), json.dumps(scores))
    shutil.rmtree("results/scores")
    assert compare([], 80) == expected


def test_a_continued_run_is_compared_with_the_run_it_started_from(here):
    params = read(here / "params.yaml")
    params["continued"] = {"longer": {**copy.deepcopy(params["runs"]["digits"]), "from": "digits"}}
    params["continued"]["longer"]["train"]["steps"] = 50
    (here / "params.yaml").write_text(json.dumps(params))
    finish(here, longer={"fid": 12.5})
    shown = lines(compare(["digits", "longer"], width=80))
    assert shown["train.steps"] == ["600", "50"]
    assert next(cells for key, cells in shown.items() if key.startswith("FID"))[:2] == [
        "31.7",
        "12.5",
    ]
    edit(here / "params.yaml", '"steps": 50', '"steps": 60')
    assert "longer here: train ran with other settings: train.steps 50, now 60" in compare([], 80)
    assert main(["page"]) == 0
    page = (here / "results/index.html").read_text()
    assert "longer" in page and "train ran with other settings: train.steps 50, now 60" in page


def test_times_of_this_folder_stand_below_the_numbers():
    sweep(PARAMS, "digits", ["train.steps=600,900"])
    finish(Path())
    measure(Path(), "digits", train_seconds=6.5, images_per_second=9100.0)
    shown = lines(compare(["digits", "digits_steps900"], 80))
    assert shown["training (s)"] == ["6.5"]  # of the other nothing was measured
    assert shown["images/s"] == ["9,100"]
    assert "sampling (s)" not in shown


def test_every_line_fits_into_the_terminal():
    sweep(PARAMS, "digits", ["seed=0,1,2,3,4,5,6,7"])
    finish(Path())
    text = compare([], 80)
    assert max(map(len, text.splitlines())) <= 80
    assert text.count("FID (classifier)") > 1  # the columns went on below
    assert "digits_seed7" in text


def test_two_revisions_are_compared_without_a_checkout(history):
    before = PARAMS.read_bytes()
    text = compare(["first", "main"], 80)
    shown = lines(text)
    assert shown["train.steps"] == ["600", "400"]
    assert shown["FID (classifier)"] == ["31.7", "50.0", "11.8"]
    assert "the same settings and numbers at first, main: line" in text
    assert PARAMS.read_bytes() == before


def test_one_revision_is_compared_with_this_folder_and_an_experiment_by_its_name(history):
    assert lines(compare(["first", "digits"], 80))["digits"][:2] == ["first", "here"]
    git("update-ref", "refs/exps/ab/cdef/longer", git("rev-parse", "first"))
    shown = lines(compare(["longer", "main"], 80))
    assert shown["digits"][:2] == ["longer", "main"]
    assert shown["train.steps"] == ["600", "400"]


def test_numbers_of_other_settings_than_params_yaml_has_are_noted():
    finish(Path())
    edit(PARAMS, "steps: 600\n      batch_size: 100", "steps: 400\n      batch_size: 100")
    assert "train ran with other settings: train.steps 600, now 400; shown is what ran" in compare(
        ["digits"], 80
    )


def lose(md5_of: str) -> None:
    for path in Path(".dvc/cache").rglob("*"):
        if path.is_file() and md5_of in path.read_text():
            path.unlink()


@pytest.mark.parametrize(
    ("break_it", "names", "said"),
    [
        (lambda: None, ["nobody"], "'nobody' is no run of params.yaml, no revision of Git"),
        (lambda: lose('"fid": 31.7'), ["first"], "is not in DVC's cache here"),
        (
            lambda: write(Path("dvc.lock"), "<<<<<<<"),
            [],
            "dvc.lock is damaged or has merge markers",
        ),
        (lambda: Path("dvc.lock").unlink(), [], "nothing is recorded yet for these runs"),
    ],
)
def test_a_mistake_ends_in_a_few_lines(history, break_it, names, said, capsys):
    break_it()
    Path("results/scores/line.json").unlink()
    assert main(["compare", *names]) == 1
    printed = capsys.readouterr().err
    assert said in printed
    assert len(printed.splitlines()) < 5
