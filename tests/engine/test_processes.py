"""Which signals end a command."""

import os
import signal
import socket
import subprocess
import sys
import time

import psutil
import pytest

from pipeline.engine import processes
from tests.conftest import ROOT

PROGRAM = """
import time
from pipeline.engine import processes

processes.interrupt_on_sigterm()
print("ready", flush=True)
try:
    time.sleep(60)
except KeyboardInterrupt:
    print("interrupted")
"""


def test_what_a_script_has_in_the_background_ends_at_sigterm_and_not_at_ctrl_c():
    """Such a shell has it ignore SIGINT, so that Ctrl-C ends the script's foreground only."""
    command = ["sh", "-c", '"$0" -c "$1" & echo $!; wait $!', sys.executable, PROGRAM]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as shell:
        assert shell.stdout is not None
        background = int(shell.stdout.readline())
        assert shell.stdout.readline() == "ready\n"
        subprocess.run(["kill", "-INT", str(background)], check=True)
        time.sleep(0.3)
        subprocess.run(["kill", f"-{signal.SIGTERM}", str(background)], check=True)
        assert shell.communicate()[0] == "interrupted\n"
        assert shell.returncode == 0


def test_a_child_that_has_just_ended_does_not_save_the_others(monkeypatch: pytest.MonkeyPatch):
    """When their starter is gone: what is listed may be gone before it is killed."""
    with subprocess.Popen(["sleep", "60"]) as alive, subprocess.Popen(["true"]) as ended:
        listed = [psutil.Process(child.pid) for child in (ended, alive)]
        ended.wait()
        monkeypatch.setattr(psutil.Process, "children", lambda *_, **__: listed)
        monkeypatch.setattr(processes, "when_starter_ends", lambda action: action())
        codes: list[int] = []
        monkeypatch.setattr(processes.os, "_exit", codes.append)
        processes.end_with_starter()
        assert alive.wait() == -signal.SIGKILL
        assert codes == [128 + signal.SIGKILL]


def test_a_clock_that_is_set_does_not_part_a_process_from_its_starter(
    monkeypatch: pytest.MonkeyPatch,
):
    """Linux tells when a process was born, and when the machine was, by the time that its clock has now."""
    monkeypatch.setenv(processes.STARTER, "")
    processes.announce()
    boot_time = psutil.boot_time()
    monkeypatch.setattr(psutil._psplatform, "boot_time", lambda: boot_time - 3600)
    assert processes.starters() == [psutil.Process()]
    _, process, time_of_birth = os.environ[processes.STARTER].rsplit(" ", 2)
    monkeypatch.setenv(
        processes.STARTER, f"{socket.gethostname()} {process} {float(time_of_birth) - 2}"
    )
    assert processes.starters() == [None], "another process of that number"
