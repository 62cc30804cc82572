"""Jobs of several machines in one folder: nobody clears away what another machine holds."""

import json
import socket
from pathlib import Path

import pytest

from pipeline.engine import locks, processes, repair

NOBODY = 2**22 + 1  # larger than any process number
ELSEWHERE = {"pid": NOBODY, "cmd": "pipeline.engine.job@node7 train@x"}
HERE = {"pid": NOBODY, "cmd": f"pipeline.engine.job@{socket.gethostname()} train@y"}
BY_HAND = {"pid": NOBODY, "cmd": "dvc repro"}


@pytest.fixture(autouse=True)
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty one, where Snakemake runs on a login node and this process does, too."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv(processes.ORIGIN, socket.gethostname())
    locks.TEMPORARY.mkdir(parents=True)
    return tmp_path


def mended(everywhere: bool = False) -> set[str]:
    """Which of the three, all without a living process here, are still listed afterwards."""
    listed = locks.TEMPORARY / "rwlock"
    entries = {"elsewhere": ELSEWHERE, "here": HERE, "by hand": BY_HAND}
    listed.write_text(json.dumps({"write": entries, "read": {"file": [*entries.values()]}}))
    repair.mend_busy_files(everywhere)
    kept = json.loads(listed.read_text())
    assert len(kept["read"].get("file", [])) == len(kept["write"])
    return set(kept["write"])


def test_a_job_leaves_the_entries_of_another_machine():
    assert mended() == {"elsewhere"}


def test_a_job_on_a_node_also_leaves_those_of_commands_by_hand(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv(processes.ORIGIN, "login")
    assert mended() == {"elsewhere", "by hand"}


def test_before_anything_is_submitted_all_of_them_are_left_over():
    assert mended(everywhere=True) == set()


def test_a_node_that_sees_the_lock_of_its_snakemake_goes_on():
    with locks.take_snakemake_lock(wait=False):
        locks.check_locks_reach_here()


def test_a_node_that_does_not_see_the_lock_stops():
    with pytest.raises(locks.BusyError, match=r"must be on a file system that all nodes share"):
        locks.check_locks_reach_here()
    locks.take_snakemake_lock(wait=False).close()
    with pytest.raises(locks.BusyError, match=r"does not see the lock of the Snakemake"):
        locks.check_locks_reach_here()


@pytest.mark.parametrize(
    "content", [b"", b"{", b"\xff" * 64, b"[" * 100_000, b"[1]", b'{"read": 5}']
)
def test_a_damaged_list_of_busy_files_starts_anew(content: bytes):
    listed = locks.TEMPORARY / "rwlock"
    listed.write_bytes(content)
    repair.mend_busy_files()
    assert json.loads(listed.read_text()) == {"write": {}, "read": {}}
