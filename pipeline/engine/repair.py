"""What a `kill -9` of DVC leaves half-written, mended before DVC reads it again.

DVC rewrites two files in place: its list of busy files (.dvc/tmp/rwlock) and dvc.lock. If either is
cut off, DVC refuses to start. Nothing in them is lost for good: the outputs of a stage that is
missing from dvc.lock come back from the run-cache.
"""

import contextlib
import json
import socket
import subprocess
import sys
from pathlib import Path

import psutil
from dvc.lock import make_lock

from pipeline.engine import processes
from pipeline.engine.folder import check_folder
from pipeline.engine.lock_file import LAST_LOCKFILE, LOCKFILE, is_valid
from pipeline.engine.locks import TAG, TEMPORARY
from pipeline.errors import PipelineError
from pipeline.io.files import write_bytes

DAMAGED = TEMPORARY / "dvc.lock.damaged"  # the last one that nothing could restore


def mend_all() -> None:
    """Both files; what `make mend`, `share` and `fetch` do. A plain `dvc` mends nothing itself."""
    from dvc.repo import Repo

    mend_busy_files()
    with Repo() as repo, repo.lock:
        mend_lock_file()


def mend_busy_files(everywhere: bool = False) -> dict[str, str]:
    """Forget the processes in DVC's list of busy files that are gone; start anew if it is cut off.

    Returns the files that are still being written, each with who does, in DVC's words: (PID 12): dvc repro.
    everywhere: no other machine is at work in this folder, so what one has left is left over.
    """
    check_folder()
    if not (TEMPORARY / "rwlock").exists():  # nor is its folder in a fresh clone
        return {}
    with make_lock(str(TEMPORARY / "rwlock.lock")):  # what DVC holds while it rewrites the file
        writers = _mend_rwlock(TEMPORARY / "rwlock", everywhere)
    return {file: f"(PID {by['pid']}): {by['cmd']}" for file, by in writers.items()}


def _mend_rwlock(path: Path, everywhere: bool) -> dict[str, dict]:
    """Also entries whose process number belongs to another process by now; the writers that are left."""
    try:
        content, written = path.read_bytes(), path.stat().st_mtime
    except FileNotFoundError:
        return {}

    def holds(holder: dict) -> bool:
        tag = TAG.match(holder["cmd"])
        if tag and tag[1] != socket.gethostname():
            return not everywhere
        if not tag and processes.is_elsewhere():
            return True  # of a `dvc` that somebody has called on the machine where Snakemake is
        return _lives(holder, written)

    try:
        entries = json.loads(content)
        write = {file: by for file, by in entries.get("write", {}).items() if holds(by)}
        read = {
            file: [by for by in readers if holds(by)]
            for file, readers in entries.get("read", {}).items()
        }
    except (ValueError, LookupError, TypeError, AttributeError, RecursionError):  # cut off, damaged
        write, read = {}, {}
    kept = {"write": write, "read": {file: readers for file, readers in read.items() if readers}}
    if (mended := json.dumps(kept).encode()) != content:
        write_bytes(path, mended)
    return write


def _lives(holder: dict, written: float) -> bool:
    """Whether the process of an entry of a file `written` (seconds since 1970) then still lives: one of that number
    that is older than the file, or does the same. A clock that was set forward makes a living one younger than it.
    """
    try:
        process = psutil.Process(int(holder["pid"]))
        if process.status() == psutil.STATUS_ZOMBIE:
            return False
        # one second of grace: the start time has the resolution of the kernel's clock ticks
        if process.create_time() < written + 1:
            return True
        _, _, arguments = holder["cmd"].partition(" ")
        return bool(arguments) and " ".join(process.cmdline()).endswith(f" {arguments}")
    except (psutil.NoSuchProcess, psutil.AccessDenied):
        return False


def mend_lock_file() -> None:
    """Restore a cut-off dvc.lock, or do without it. DVC's lock must be held: nobody is writing dvc.lock then.

    PipelineError, and the file is left alone, if it has merge markers.
    """
    if not LOCKFILE.exists():
        return
    content = LOCKFILE.read_bytes()
    if LAST_LOCKFILE.exists() and LAST_LOCKFILE.read_bytes() == content:
        return
    if b"<<<<<<< " in content:
        raise PipelineError(
            f"{LOCKFILE} has merge markers (<<<<<<<). Do not edit it; let DVC find out what fits:\n"
            f"  git checkout --ours {LOCKFILE} && snakemake --cores all && git add {LOCKFILE}\n"
            "Results of either branch come from the cache (after: dvc pull --run-cache), only what "
            "the merge really changed runs. See docs/team.md."
        )
    if is_valid(content):
        write_bytes(LAST_LOCKFILE, content)
        return
    for origin, former in (
        ("its last good copy", lambda: LAST_LOCKFILE.read_bytes()),
        ("Git", committed),
    ):
        with contextlib.suppress(OSError, subprocess.CalledProcessError):
            good = former()
            if is_valid(good):
                write_bytes(LOCKFILE, good)
                print(
                    f"{LOCKFILE} was cut off by a killed process; restored from {origin}. What is "
                    "missing from it comes back from DVC's cache.",
                    file=sys.stderr,
                )
                return
    write_bytes(DAMAGED, content)
    LOCKFILE.unlink()
    print(
        f"warning: {LOCKFILE} is damaged, and neither its last copy nor Git's last commit is good; moved to {DAMAGED}. "
        "Stages now come from DVC's cache, or run again. Or take an earlier one first: "
        f"git checkout COMMIT {LOCKFILE} (of git log {LOCKFILE})",
        file=sys.stderr,
    )


def committed() -> bytes:
    """dvc.lock of Git's last commit."""
    command = ["git", "show", f"HEAD:./{LOCKFILE}"]
    return subprocess.check_output(command, stderr=subprocess.DEVNULL)
