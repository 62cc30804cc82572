"""The train stage in two processes, on points: its files, and what is left when one of them dies."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest
from ruamel.yaml import YAML

from pipeline.cli import main
from pipeline.engine import ranks
from tests.conftest import ROOT, environment


@pytest.fixture
def here(tmp_path, monkeypatch):
    """The `line` run of the quick recipe on two devices, shortened, its data in place."""
    write_params(tmp_path, devices=2, steps=60)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    assert main(["download", "line"]) == main(["normalize", "line"]) == 0
    return tmp_path


def write_params(folder: Path, **changes: int) -> None:
    params = YAML(typ="safe").load((ROOT / "recipes/quick.yaml").read_text())
    params["runs"]["line"]["threads"] = 2
    params["runs"]["line"]["train"] |= {"log_steps": 50, "grid_steps": 20, **changes}
    (folder / "params.yaml").write_text(json.dumps(params))  # JSON is YAML


def model(folder: Path) -> Path:
    return folder / "results/line/model.safetensors"


def test_a_dead_rank_ends_the_run_and_the_next_call_goes_on_bit_for_bit(here, monkeypatch, capfd):
    former = psutil.Process().children(recursive=True)  # of tests before this one
    assert main(["train", "line"]) == 0
    expected = model(here).read_bytes()
    log = (here / "results/line/training.tsv").read_text().splitlines()
    assert [line.split("\t")[0] for line in log] == ["step", "50", "60"]
    assert len(list((here / "results/line/live/grids").glob("*.png"))) == 4  # steps 0, 20, 40, 60
    capfd.readouterr()
    model(here).unlink()

    with monkeypatch.context() as patch:
        patch.setattr(ranks, "PROGRAM", ("-m", "tests.endtoend.dying_rank"))
        assert main(["train", "line"]) == 1
    said = capfd.readouterr().err
    assert "error: rank 1 of 2 was killed by SIGKILL (by the system, if memory ran out)" in said
    assert "The last checkpoint is kept" in said
    assert "Traceback" not in said
    assert not model(here).exists()
    _, alive = psutil.wait_procs(
        set(psutil.Process().children(recursive=True)) - set(former), timeout=10
    )
    assert not [process.as_dict(["cmdline", "status"]) for process in alive]

    assert main(["train", "line"]) == 0
    said = capfd.readouterr().err
    assert said.count("resuming at step 37 of 60") == said.count("train line: healthy") == 1
    assert model(here).read_bytes() == expected
    assert not list((here / ".checkpoints").iterdir())


def test_a_rank_that_is_stopped_is_not_blamed_for_the_one_that_died(here, monkeypatch, capfd):
    monkeypatch.setattr(ranks, "PROGRAM", ("-m", "tests.endtoend.dying_rank"))
    monkeypatch.setenv("UNAWARE", "1")
    assert main(["train", "line"]) == 1
    said = capfd.readouterr().err
    assert "error: rank 1 of 2 was killed by SIGKILL" in said
    assert "interrupted" not in said


@pytest.mark.parametrize(
    ("number", "when"), [(signal.SIGINT, "it trains"), (signal.SIGKILL, "it starts")]
)
def test_no_rank_outlives_the_stage(here, number: signal.Signals, when: str):
    write_params(here, devices=2, steps=10**6)
    command = [sys.executable, "-m", "pipeline", "train", "line"]
    words = here / "stderr"
    with (
        words.open("w") as stderr,
        subprocess.Popen(
            command, stderr=stderr, env=environment() | {"PYTHONPATH": str(ROOT)}
        ) as stage,
    ):
        me = psutil.Process(stage.pid)
        wait_for(lambda: len(me.children()) == 2)
        if when == "it trains":
            wait_for(lambda: (here / "results/line/live/grids/000020.png").exists())
        ranks_of_it = me.children(recursive=True)
        os.kill(stage.pid, number)
        stage.wait(timeout=30)
    _, alive = psutil.wait_procs(ranks_of_it, timeout=10)
    assert not alive
    said = words.read_text()
    assert stage.returncode == (130 if number == signal.SIGINT else -number)
    assert said.count("interrupted; the same command goes on") == (number == signal.SIGINT)
    assert "Traceback" not in said


def wait_for(condition) -> None:
    until = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < until
        time.sleep(0.05)


def test_more_devices_than_there_are_is_said_before_anything_starts(here, monkeypatch, capsys):
    monkeypatch.setattr("torch.cuda.is_available", lambda: True)
    monkeypatch.setattr("torch.cuda.device_count", lambda: 1)
    assert main(["train", "line"]) == 1
    said = capsys.readouterr().err
    assert "train.devices is 2, but there are 1 of type cuda here" in said
    assert "Set devices: 1, or device: cpu" in said
