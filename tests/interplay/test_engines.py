"""Snakemake and DVC, the real ones, on the quick recipe: they must always agree."""

import base64
import hashlib
import re
from pathlib import Path

import pytest

from tests.conftest import Project

NOTHING = "Nothing to be done"
UP_TO_DATE = "Data and pipelines are up to date."


# "  train digits, line: first run" of a plan, "train digits: first run" of a run
JOB = re.compile(r"^ *(\w+)((?: \w+(?:, \w+)*)?): (?!warning: ).+", re.MULTILINE)


def jobs(said: str) -> set[str]:
    """Rules that Snakemake started (or, with -n, would start)."""
    _, _, shown = said.partition(" stages to run:\n" if "to run:" in said else "would run:\n")
    return {
        f"{stage}_{run}".rstrip("_")
        for stage, runs in JOB.findall(shown)
        for run in runs.strip().split(", ")
    } - {"Next"}


def reproduced(said: str) -> set[str]:
    """Stages whose command DVC ran or whose outputs it took from its cache."""
    return set(
        re.findall(r"^(?:Running stage|Stage) '([^']+)'(?: is cached|:)", said, re.MULTILINE)
    )


def content(project: Project) -> dict[str, str]:
    """SHA-256 of every result. Two things are none, because they depend on the clock."""
    files = [path for path in (project.path / "results").rglob("*") if path.is_file()]
    kept = [p for p in files if "live" not in p.parts and p.name != "costs.json"]
    return {
        str(path.relative_to(project.path)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in kept
    }


def assert_agreed(project: Project) -> None:
    assert UP_TO_DATE in project.run("dvc", "status")
    assert NOTHING in project.snakemake("-n")
    assert UP_TO_DATE in project.run("dvc", "repro")


@pytest.fixture
def copy(finished: Project, tmp_path: Path) -> Project:
    return finished.copy(tmp_path / "a copy")


def test_after_snakemake_dvc_has_nothing_to_do_and_snakemake_neither(finished: Project):
    assert_agreed(finished)


def test_after_dvc_snakemake_has_nothing_to_do_and_the_bytes_are_the_same(
    project: Project, finished: Project
):
    """Two trainings from nothing, by two engines: the same bytes."""
    project.run("dvc", "repro")
    assert_agreed(project)
    assert content(project) == content(finished)


AFTER_PARZEN = {"check", "parzen_digits", "figures_digits", "scores_digits", "table"}


def change_parzen(project: Project) -> None:
    project.edit("params.yaml", "{validation_images: 300, real", "{validation_images: 200, real")


def test_a_changed_parameter_runs_only_what_reads_it_in_snakemake(copy: Project):
    change_parzen(copy)
    assert jobs(copy.snakemake("-n")) == AFTER_PARZEN
    assert jobs(copy.snakemake()) == AFTER_PARZEN
    assert_agreed(copy)


def test_a_changed_parameter_runs_only_what_reads_it_in_dvc(copy: Project):
    change_parzen(copy)
    ran = reproduced(copy.run("dvc", "repro"))
    assert {name.replace("@", "_") for name in ran} == AFTER_PARZEN
    assert_agreed(copy)


def test_a_parameter_changed_back_brings_the_old_results_back(copy: Project):
    before = content(copy)
    change_parzen(copy)
    copy.snakemake()
    copy.run("git", "checkout", "params.yaml")
    copy.snakemake()
    assert content(copy) == before
    assert_agreed(copy)


def test_a_fresh_clone_fetches_the_results_and_has_nothing_to_do(copy: Project, tmp_path: Path):
    remote = tmp_path / "remote"
    copy.run("dvc", "remote", "add", "--default", "team", str(remote))
    copy.run("dvc", "push")
    copy.commit("add a remote")
    copy.run("git", "clone", "--quiet", str(copy.path), str(tmp_path / "another clone"))
    clone = Project(tmp_path / "another clone")
    clone.run("dvc", "pull")
    assert_agreed(clone)
    assert content(clone) == content(copy)
    change_parzen(clone)
    assert jobs(clone.snakemake()) == AFTER_PARZEN


@pytest.mark.parametrize("damage", ["deleted", "corrupted"])
def test_a_damaged_output_is_restored_not_made_again(copy: Project, damage: str):
    before = content(copy)
    model = copy.path / "results/digits/model.safetensors"
    model.unlink() if damage == "deleted" else model.write_bytes(b"rubbish")
    log = copy.path / "logs/train_digits.log"
    assert "train digits: step" in log.read_text()
    copy.snakemake()
    assert "train digits: step" not in log.read_text()
    assert content(copy) == before
    assert_agreed(copy)


def test_new_modification_times_are_no_reason_to_run(copy: Project):
    for path in [*(copy.path / "data").rglob("*"), *(copy.path / "results").rglob("*")]:
        path.touch()
    assert_agreed(copy)


def test_changed_code_of_a_stage_runs_it_and_what_follows(copy: Project):
    copy.edit("pipeline/stages/scores.py", "flat, for tables", "flat, for all tables")
    assert jobs(copy.snakemake()) == {"scores_digits", "scores_line", "table"}
    assert_agreed(copy)


def test_adding_and_removing_a_run(copy: Project):
    text = (copy.path / "params.yaml").read_text()
    again = text[text.index("\n  line:\n    dataset: line") :]
    for old, new in (
        ("  line:\n", "  again:\n"),
        ("seed: 0", "seed: 1"),
        ("steps: 600", "steps: 20"),
    ):
        assert again.count(old) == 1
        again = again.replace(old, new)
    (copy.path / "params.yaml").write_text(text + again)
    ran = jobs(copy.snakemake())
    stages = ("train", "sample", "parzen", "metrics", "figures", "scores")
    assert ran == {"check", "table", *(f"{stage}_again" for stage in stages)}
    assert "**again**" in (copy.path / "results/table.md").read_text()
    assert_agreed(copy)
    (copy.path / "params.yaml").write_text(text)
    assert jobs(copy.snakemake()) == {"check", "table"}
    assert "again" not in (copy.path / "results/table.md").read_text()
    assert_agreed(copy)


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        (
            "steps: 600",
            "stepps: 600",
            "runs.digits.train.stepps: unknown key (did you mean steps?)",
        ),
        ("seed: 0", "sead: 0", "sead: unknown key (did you mean seed?)"),
    ],
)
def test_both_engines_refuse_an_invalid_file_and_touch_nothing(
    copy: Project, old: str, new: str, expected: str
):
    before = content(copy)
    del before["results/params.json"]  # of the stage that refuses it; DVC deletes it first
    copy.edit("params.yaml", old, new)
    for said in (copy.snakemake(fails=True), copy.run("dvc", "repro", fails=True)):
        assert expected in said
        assert "Traceback" not in said
        assert 'File "' not in said
    assert content(copy) == before


def test_parameters_on_snakemakes_command_line_are_refused(finished: Project):
    said = finished.snakemake("-n", "--config", "steps=3", fails=True)
    assert "parameters come from params.yaml only" in said
    assert "Traceback" not in said


def test_a_failing_run_is_named_and_the_others_finish(project: Project):
    project.edit("params.yaml", "batch_size: 128", "batch_size: 128\n      device: mps")
    said = project.snakemake(fails=True)
    assert "train line failed: train.device is mps, but this machine offers only" in said
    assert "logs/train_line.log" in said
    assert (project.path / "results/scores/digits.json").is_file()
    assert not (project.path / "results/line/model.safetensors").exists()
    assert "train@digits" in (project.path / "dvc.lock").read_text()


def test_the_report_holds_every_picture(finished: Project):
    finished.snakemake("--report", "report.html")
    report = (finished.path / "report.html").read_text()
    for caption in (
        "Samples, not selected",
        "The same noise through G",
        "Log-likelihoods of all runs",
        "Figure 2, samples and the nearest training images",
        "Figure 3, G along lines of the noise",
        "the verdict in the title",
    ):
        assert caption in report
    drawn = [path for path in finished.path.glob("results/*/*.png")]
    assert len(drawn) == 16  # eight for each of the two runs
    for path in drawn:
        uri = f"data:image/png;charset=utf8;filename={path.name};base64,"
        assert uri + base64.b64encode(path.read_bytes()).decode()[:200] in report


def test_dvc_shows_metrics_parameters_plots_and_the_graph(copy: Project, tmp_path: Path):
    assert re.search(r"results/scores/digits.json.*\bhealthy\b", copy.run("dvc", "metrics", "show"))
    change_parzen(copy)
    assert re.search(r"validation_images\s+300\s+200", copy.run("dvc", "params", "diff"))
    assert "train@digits" in copy.run("dvc", "dag", "--dot")
    copy.run("dvc", "plots", "show", "--out", str(tmp_path / "plots"))
    page = (tmp_path / "plots/index.html").read_text()
    assert "Losses of digits" in page
