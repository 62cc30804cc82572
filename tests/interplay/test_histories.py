"""What is versioned depends on params, code and data, not on how a clone got there."""

import json
import shutil
import signal
import subprocess
import time
from pathlib import Path

import psutil

from pipeline.cli import main
from pipeline.verify import expected, kinds
from tests.conftest import ROOT, Project, environment
from tests.interplay.test_engines import NOTHING, assert_agreed, content, reproduced

LINE = "dataset: line\n    model: gan\n    seed: {}"
LOCK = Path("dvc.lock")
TABLES = ("results/table.md", "results/table.csv", "results/summary.json")


def kill_the_training(project: Project) -> None:
    """`dvc repro`, whose stage `train` gets a SIGKILL on its way."""
    live = project.path / "results/line/live"
    shutil.rmtree(live)
    command = ["dvc", "repro", "train@line"]
    with subprocess.Popen(command, cwd=project.path, env=environment()) as dvc:
        until = time.monotonic() + 120
        while len(list(live.glob("grids/*.png"))) < 2:  # step 0, and another
            assert time.monotonic() < until and dvc.poll() is None
            time.sleep(0.02)
        for process in psutil.Process(dvc.pid).children(recursive=True):
            if process.cmdline()[-2:] == ["train", "line"]:
                process.send_signal(signal.SIGKILL)
        assert dvc.wait(60) != 0


def test_clones_of_different_histories_agree_in_every_versioned_byte(
    finished: Project, tmp_path: Path
):
    """One ran Snakemake, once. The other trained with another seed, came back, was killed while it
    trained and ran DVC. Nothing behind the training runs again: what it reads is the same."""
    other = finished.copy(tmp_path / "other")
    other.edit("params.yaml", LINE.format(0), LINE.format(1))
    other.run("dvc", "repro", "train@line")
    assert content(other) != content(finished)
    other.run("git", "checkout", "params.yaml")
    shutil.rmtree(other.path / ".dvc/cache/runs")  # or DVC would restore what was made once
    kill_the_training(other)
    assert reproduced(other.run("dvc", "repro")) <= {"check", "train@line"}

    assert content(other) == content(finished)
    for name in (LOCK, *TABLES):
        assert (other.path / name).read_bytes() == (finished.path / name).read_bytes()
    assert other.run("git", "status", "--porcelain") == ""
    assert_agreed(other)


def test_what_came_out_is_what_is_expected_of_the_recipe(finished: Project, monkeypatch, capsys):
    """Where this kind of processor and these versions are recorded: the same numbers; else it says why not."""
    monkeypatch.chdir(ROOT)
    assert main(["verify", "quick", "--folder", str(finished.path)]) == 0, capsys.readouterr()
    said = capsys.readouterr().out
    recorded = expected.place("quick", kinds.of_this_machine())
    if recorded.is_file() and "note: other versions" not in said:
        outputs = len(expected.read(recorded).outputs)
        assert f"{outputs} outputs: " in said and " 0 different" in said
    else:
        assert "note: " in said


def test_costs_are_nothing_to_the_engines_and_to_git(finished: Project, tmp_path: Path):
    copy = finished.copy(tmp_path / "a copy")
    costs = copy.path / "results/line/costs.json"
    assert json.loads(costs.read_text())["train_seconds"] > 0
    costs.write_text("{}")
    assert NOTHING in copy.snakemake("-n")
    assert "up to date" in copy.run("dvc", "status")
    assert copy.run("git", "status", "--porcelain") == ""
    assert "costs.json" not in (copy.path / LOCK).read_text()
