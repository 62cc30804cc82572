"""GPUs are handed out one by one, and come back however their holder ends."""

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from pipeline.compute import gpus
from tests.conftest import ROOT

HOLD = """
import sys
from pipeline.compute import gpus
with gpus.lease(1, sys.argv[1]) as ids:
    print(",".join(ids), flush=True)
    sys.stdin.read()
"""


class Holder:
    """Another process that has leased a device, until it is killed."""

    def __init__(self, who: str) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-c", HOLD, who],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            cwd=ROOT,
        )
        assert self.process.stdout is not None
        self.device = self.process.stdout.readline().strip()

    def kill(self) -> None:
        self.process.kill()
        self.process.communicate()


@pytest.fixture
def hold() -> Iterator[Callable[[str], Holder]]:
    with ExitStack() as stack:

        def start(who: str) -> Holder:
            holder = Holder(who)
            stack.callback(lambda: holder.process.poll() is None and holder.kill())
            return holder

        yield start


@pytest.fixture(autouse=True)
def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Two GPUs, says a stand-in for nvidia-smi; leases in a folder of this test's own."""
    for name in (gpus.VISIBLE, gpus.SLOTS, *gpus.BATCH_SYSTEMS):
        monkeypatch.delenv(name, raising=False)
    tool = tmp_path / "bin/nvidia-smi"
    tool.parent.mkdir()
    tool.write_text("#!/bin/sh\nprintf '0\\n1\\n'\n")
    tool.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tool.parent}:{os.environ['PATH']}")
    monkeypatch.setattr(gpus.tempfile, "tempdir", str(tmp_path))
    monkeypatch.setenv("TMPDIR", str(tmp_path))


def test_two_trainings_get_two_devices_and_see_no_other(hold):
    other = hold("train a")
    with gpus.lease(1, "train b") as mine:
        assert os.environ[gpus.VISIBLE] == mine[0]
        assert {other.device, *mine} == {"0", "1"}
    assert gpus.VISIBLE not in os.environ


def test_a_third_waits_says_for_whom_and_goes_on_when_one_is_killed(hold, monkeypatch, capsys):
    first, second = hold("train a"), hold("train b")

    def wait(seconds: float) -> None:  # in place of sleeping
        said = capsys.readouterr().err
        for holder, who in ((first, "train a"), (second, "train b")):
            assert f"{who} (process {holder.process.pid}) on {holder.device}" in said
        first.kill()

    monkeypatch.setattr(gpus.time, "sleep", wait)
    with gpus.lease(1, "train c") as third:
        assert third == [first.device]


def test_one_training_on_both_devices_takes_all_or_none(hold, monkeypatch):
    first = hold("train a")
    later: list[Holder] = []

    def wait(seconds: float) -> None:
        if not later:
            later.append(hold("train b"))  # the device that the big one could not keep alone
        else:
            first.kill()
            later[0].kill()

    monkeypatch.setattr(gpus.time, "sleep", wait)
    with gpus.lease(2, "train big") as both:
        assert both == ["0", "1"]
    assert later[0].device != first.device


def test_more_devices_than_there_are_is_an_error():
    with (
        pytest.raises(gpus.GpuError, match="asks for 3 GPUs, but this machine offers 2"),
        gpus.lease(3, "train x"),
    ):
        pass


def test_sharing_when_asked_but_not_with_one_who_did_not_ask(hold, monkeypatch):
    alone = hold("train alone")
    monkeypatch.setenv(gpus.SLOTS, "4")
    first, second = hold("train a"), hold("train b")
    assert first.device == second.device != alone.device


def test_only_visible_devices_are_handed_out(monkeypatch):
    monkeypatch.setenv(gpus.VISIBLE, "3,GPU-8f2a")
    assert gpus.devices() == ["3", "GPU-8f2a"]
    monkeypatch.setenv(gpus.VISIBLE, "-1")
    assert gpus.devices() == []


def test_what_the_batch_system_has_chosen_stays(hold, monkeypatch):
    monkeypatch.setenv(gpus.VISIBLE, "0")
    assert hold("train a").device == "0"
    monkeypatch.setenv("SLURM_JOB_ID", "7")
    with gpus.lease(1, "train b"):  # 0 may be another device in another job
        assert os.environ[gpus.VISIBLE] == "0"


def test_a_training_on_the_cpu_takes_none():
    assert [gpus.wanted(train) for train in ({"device": "cpu"}, {}, {"devices": 2})] == [0, 1, 2]
