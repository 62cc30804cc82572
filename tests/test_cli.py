"""What the command line says and how it ends when something is wrong."""

import errno
import json
import os
import re
import struct
import subprocess
import sys

import pytest
import yaml

from pipeline.cli import main, parser
from pipeline.paths import CONTINUED
from tests.conftest import ROOT

COMMANDS = re.findall(r"^    (\w+)(?:  |$)", parser().format_help(), re.MULTILINE)


@pytest.fixture(autouse=True)
def here(tmp_path, monkeypatch):
    """A folder with the quick recipe and nothing else."""
    (tmp_path / "params.yaml").write_text((ROOT / "recipes/quick.yaml").read_text())
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_the_help_lists_every_stage_and_what_a_team_needs():
    dag = yaml.safe_load((ROOT / "dvc.yaml").read_text())["stages"]
    others = {"new", "sweep", "share", "fetch", "mend", "prune", "score"}
    assert set(COMMANDS) >= {*(name.removeprefix(CONTINUED) for name in dag), *others}


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_explains_itself(command: str, capsys):
    with pytest.raises(SystemExit) as ended:
        main([command, "--help"])
    assert ended.value.code == 0
    assert f"usage: python -m pipeline {command}" in capsys.readouterr().out


def test_help_does_not_import_torch():
    """It would take seconds."""
    code = (
        "import sys, pipeline.cli as m; m.parser().format_help(); sys.exit('torch' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], cwd=ROOT).returncode == 0


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["train", "nobody"], "params.yaml has no runs.nobody; it has: digits, line"),
        (["download", "nowhere"], "params.yaml has no datasets.nowhere; it has: digits, line"),
        (["train", "digits"], "normalized/digits.safetensors is missing. Make it with: dvc repro"),
        (
            ["features", "digits"],
            "normalized/digits.safetensors is missing. Make it with: dvc repro",
        ),
        (["metrics", "digits"], "is missing. Make it with: dvc repro"),
        (["figures", "digits"], "is missing. Make it with: dvc repro"),
        (["table"], "results/scores/digits.json is missing"),
        (["check", "--file", "other.yaml"], "other.yaml is missing"),
        (["prune", "--days", "-1"], "--days is -1; take 0 or more"),
    ],
)
def test_a_mistake_ends_in_a_few_lines_and_exit_code_1(arguments, expected, capsys):
    assert main(arguments) == 1
    said = capsys.readouterr().err
    assert expected in said
    assert "Traceback" not in said
    assert len(said.splitlines()) < 6


def test_a_full_disk_leaves_nothing_half_written(here, monkeypatch, capsys):
    def full(descriptor: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "fsync", full)
    assert main(["download", "digits"]) == 1
    assert "No space left on device" in capsys.readouterr().err
    assert [path for path in here.rglob("*") if path.is_file()] == [here / "params.yaml"]


def test_a_dataset_made_by_hand_is_the_one_the_recipe_asks_for(here):
    assert main(["download", "line"]) == 0
    assert main(["normalize", "line"]) == 0
    assert (here / "data/raw/line.json").is_file()
    assert (here / "data/normalized/line.safetensors").is_file()


@pytest.mark.parametrize("place", ["a folder", "a file in the way", "a loop", "a long name"])
def test_a_path_that_cannot_be_written_is_named_without_a_traceback(here, capsys, place):
    out = here / "out/params.json"
    if place == "a folder":
        out.mkdir(parents=True)
    elif place == "a file in the way":
        out.parent.write_text("x")
    elif place == "a loop":
        out.parent.symlink_to(out.parent)
    else:
        out = out.with_name("n" * 250)
    before = sorted(here.rglob("*"))
    assert main(["check", "--out", str(out)]) == 1
    said = capsys.readouterr().err
    assert out.parent.name in said and "Nothing half-written was left behind" in said
    assert sorted(path for path in here.rglob("*") if path != out.parent) == [
        path for path in before if path != out.parent
    ]


def test_a_reader_who_has_seen_enough_gets_no_traceback(here):
    reader, writer = os.pipe()
    os.close(reader)
    done = subprocess.run(
        [sys.executable, "-m", "pipeline", "check"],
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        stdout=writer,
        stderr=subprocess.PIPE,
        text=True,
    )
    os.close(writer)
    assert (done.returncode, done.stderr) == (1, "")


def test_a_command_without_stdout_works_and_nothing_else_takes_its_place(here):
    done = subprocess.run(
        ["bash", "-c", '"$0" -m pipeline check --out settings.json >&-', sys.executable],
        cwd=here,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
    )
    assert (done.returncode, done.stdout) == (0, ""), done.stderr
    assert json.loads((here / "settings.json").read_text())["runs"].keys() == {"digits", "line"}


def test_names_in_letters_that_the_terminal_lacks_are_shown_by_number(here):
    (here / "params.yaml").rename(here / "snow \N{SNOWMAN}.yaml")
    done = subprocess.run(
        [sys.executable, "-m", "pipeline", "check", "--file", "snow \N{SNOWMAN}.yaml"],
        cwd=here,
        env=os.environ | {"PYTHONPATH": str(ROOT), "PYTHONIOENCODING": "latin-1:strict"},
        capture_output=True,
        text=True,
    )
    assert done.stdout == "snow \\u2603.yaml is valid: 2 datasets, 2 runs\n", done.stderr


@pytest.mark.parametrize(
    "header",
    [
        b"[]",
        b'{"__metadata__": []}',
        b'{"__metadata__": {"about": 5}}',
        b'{"__metadata__": {"about": "[]"}}',
        b'{"__metadata__": {"about": "{\\"train\\": []}"}}',
        b"[" * 100_000,
    ],
)
def test_a_model_of_somebody_else_is_named(here, capsys, header: bytes):
    model = here / "results/line/model.safetensors"
    model.parent.mkdir(parents=True)
    model.write_bytes(struct.pack("<Q", len(header)) + header)
    assert main(["sample", "line"]) == 1
    assert "results/line/model.safetensors" in capsys.readouterr().err


def test_a_machine_without_memory_gets_no_traceback(here, monkeypatch, capsys):
    monkeypatch.setattr("pipeline.config.params.load", lambda _: bytearray(2**62))
    assert main(["check"]) == 1
    assert "error: the memory of this machine does not suffice" in capsys.readouterr().err
