"""What a kill leaves half-written, and what is said where nothing can restore it."""

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
