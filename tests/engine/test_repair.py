"""What a kill leaves half-written, and what is said where nothing can restore it."""

import json
import os
import subprocess
from pathlib import Path

import pytest

from pipeline.engine import lock_file, locks, repair


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    locks.TEMPORARY.mkdir(parents=True)


@pytest.mark.parametrize("copy", [None, b"", b"schema: '2.0'\nstages: ["])
def test_a_damaged_lock_file_that_nothing_can_restore_is_kept_aside_with_a_word(
    copy: bytes | None, capfd: pytest.CaptureFixture
):
    if copy is not None:
        lock_file.LAST_LOCKFILE.write_bytes(copy)
    damaged = b"schema: '2.0'\nstages:\n  make@x:\n    cm"
    lock_file.LOCKFILE.write_bytes(damaged)
    repair.mend_lock_file()
    assert not lock_file.LOCKFILE.exists()
    assert repair.DAMAGED.read_bytes() == damaged
    (said,) = capfd.readouterr().err.splitlines()
    assert said.startswith("warning: dvc.lock is damaged")
    assert f"moved to {repair.DAMAGED}" in said and "git checkout COMMIT dvc.lock" in said


def test_who_does_what_the_list_of_busy_files_says_lives_though_the_clock_makes_it_too_young():
    """`sleep` for `dvc`: of the two that the list knows by this number one was another process."""
    with subprocess.Popen(["sleep", "60"]) as alive:
        repro, gone = ({"pid": alive.pid, "cmd": cmd} for cmd in ("/bin/dvc 60", "dvc repro"))
        listed = locks.TEMPORARY / "rwlock"
        listed.write_text(json.dumps({"write": {"x": repro, "y": gone}, "read": {}}))
        os.utime(listed, (0, 0))  # the clock was so far behind
        repair.mend_busy_files()
        alive.kill()
    assert json.loads(listed.read_text()) == {"write": {"x": repro}, "read": {}}


def test_in_a_fresh_clone_nothing_is_busy():
    locks.TEMPORARY.rmdir()
    assert repair.mend_busy_files() == {}
    assert not locks.TEMPORARY.exists()
