"""The project folder shared by several processes: who is at work in it, and what a killed one left.

Locks are the kernel's (flock): they end with the process, however it ends. Nothing is ever left to
be deleted by hand.
"""

import contextlib
import fcntl
import json
import os
import re
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import TextIO, TypeVar

import psutil
from dvc.lock import make_lock
from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

from pipeline.engine import processes
from pipeline.errors import PipelineError
from pipeline.io.files import write_bytes

TEMPORARY = Path(".dvc/tmp")
SNAKEMAKE_LOCK = TEMPORARY / "snakemake.lock"
LOCKFILE = Path("dvc.lock")
LAST_LOCKFILE = TEMPORARY / "dvc.lock.last"  # the last one that was seen whole
RETRY_SECONDS = 0.5
TAG = re.compile(r"pipeline\.engine\.job@(\S+) ")

T = TypeVar("T")


class BusyError(PipelineError):
    """Another process is at work in this folder."""


def take_snakemake_lock(wait: bool) -> TextIO:
    """The lock that one main Snakemake process holds at a time; it ends with the file or process.

    Judging what is stale while another one runs its jobs would take their deleted outputs for lost.
    """
    file = open_lock(SNAKEMAKE_LOCK)
    if not locked(file):
        holder = file.read().strip() or "another snakemake"
        if not wait:
            raise BusyError(
                f"{holder} is running jobs in this folder; what is left to do is known when it is "
                "done. Ask again then."
            )
        print(f"Waiting for {holder}, which is running jobs in this folder.", file=sys.stderr)
        fcntl.flock(file, fcntl.LOCK_EX)
    file.seek(0)
    file.truncate()
    file.write(f"snakemake (process {os.getpid()}, started {time.strftime('%Y-%m-%d %H:%M')})")
    file.flush()
    return file


def open_lock(path: Path) -> TextIO:
    path.parent.mkdir(parents=True, exist_ok=True)
    return path.open("a+", encoding="utf-8") if not path.exists() else path.open("r+")


def locked(file: TextIO) -> bool:
    """Whether this process now holds the lock."""
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def mend_all() -> None:
    """What `make mend` does: after a kill -9 of `dvc` itself, which does not mend its own files."""
    from dvc.repo import Repo

    mend()
    with Repo() as repo, repo.lock:
        mend_lockfile()


def check_locks_reach_here() -> None:
    """In a job on another machine: is the lock that its Snakemake holds there seen as held here?

    If not, either that Snakemake is gone, and with it who would wait for this job; or the file
    system does not carry locks between machines, and jobs would overwrite each other's dvc.lock.
    """
    try:
        with SNAKEMAKE_LOCK.open() as file:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return
    except FileNotFoundError:
        raise BusyError(
            f"{SNAKEMAKE_LOCK} of the Snakemake that sent this job is not on {socket.gethostname()}: "
            "the project's folder must be on a file system that all nodes share (docs/scale.md)."
        ) from None
    raise BusyError(
        f"{socket.gethostname()} does not see the lock of the Snakemake that sent this job. Either it "
        "was killed: call it again. Or the file system does not carry locks (flock) from machine to "
        "machine: docs/scale.md says which do."
    )


def tag_locks(stage: str) -> None:
    """DVC notes the command line beside each process number in its list of busy files.

    A number says nothing on another machine; so have the machine's name in the command line.
    """
    sys.argv = [f"pipeline.engine.job@{socket.gethostname()}", stage]


def mend(everywhere: bool = False) -> None:
    """Undo what a kill in the middle of a write of DVC's leaves: DVC would refuse to start.

    everywhere: no other machine is at work in this folder, so what one has left is left over.

    Both files are rewritten in place, not replaced. Neither holds anything that is not found again:
    the outputs of a stage lost from dvc.lock come back from the run-cache.
    """
    with make_lock(str(TEMPORARY / "rwlock.lock")):  # what DVC holds while it rewrites the file
        _mend_rwlock(TEMPORARY / "rwlock", everywhere)


def _mend_rwlock(path: Path, everywhere: bool) -> None:
    """Without the entries of processes that are gone, even if another has their number today."""
    try:
        text, written = path.read_text(), path.stat().st_mtime
    except FileNotFoundError:
        return

    def holds(holder: dict) -> bool:
        tag = TAG.match(holder["cmd"])
        if tag and tag[1] != socket.gethostname():
            return not everywhere
        if not tag and processes.is_elsewhere():
            return True  # of a `dvc` that somebody has called on the machine where Snakemake is
        return _lives(holder, written)

    try:
        entries = json.loads(text)
        write = {file: by for file, by in entries.get("write", {}).items() if holds(by)}
        read = {
            file: [by for by in readers if holds(by)]
            for file, readers in entries.get("read", {}).items()
        }
    except (ValueError, LookupError, TypeError, AttributeError):  # cut off
        write, read = {}, {}
    kept = {"write": write, "read": {file: readers for file, readers in read.items() if readers}}
    if json.dumps(kept) != text:
        write_bytes(path, json.dumps(kept).encode())


def _lives(holder: dict, written: float) -> bool:
    """Whether the process of an entry of a file `written` (seconds since 1970) then still lives."""
    try:
        process = psutil.Process(int(holder["pid"]))
        # one second of grace: the start time has the resolution of the kernel's clock ticks
        return process.create_time() < written + 1 and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def mend_lockfile() -> None:
    """Call it while holding DVC's lock: nobody is writing dvc.lock then."""
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
    if whole(content):
        write_bytes(LAST_LOCKFILE, content)
        return
    for origin, former in (
        ("its last good copy", lambda: LAST_LOCKFILE.read_bytes()),
        ("Git", lambda: subprocess.check_output(["git", "show", f"HEAD:./{LOCKFILE}"])),
    ):
        with contextlib.suppress(OSError, subprocess.CalledProcessError):
            content = former()
            if whole(content):
                write_bytes(LOCKFILE, content)
                print(
                    f"{LOCKFILE} was cut off by a killed process; restored from {origin}. What is "
                    "missing from it comes back from DVC's cache.",
                    file=sys.stderr,
                )
                return
    LOCKFILE.unlink()


def whole(content: bytes) -> bool:
    """Whether DVC can read `content` as a dvc.lock."""
    from dvc.schema import COMPILED_LOCKFILE_SCHEMA
    from voluptuous import Invalid

    try:
        return "stages" in COMPILED_LOCKFILE_SCHEMA(YAML(typ="safe").load(content))
    except (YAMLError, Invalid):
        return False


def when_free(
    action: Callable[[], T], busy: Callable[[Exception], bool], seconds: float = float("inf")
) -> T:
    """The result of `action`, tried again while it says that another process is at work."""
    end = time.monotonic() + seconds
    said = False
    while True:
        try:
            return action()
        except Exception as error:
            if not busy(error) or time.monotonic() > end:
                raise
            if not said:
                print(f"Waiting: {blockers(error)}", file=sys.stderr)
                said = True
        time.sleep(RETRY_SECONDS)


def blockers(error: BaseException) -> str:
    """DVC's words on who is at work, without its advice to delete files."""
    while error.__cause__ is not None:
        error = error.__cause__
    return str(error).partition("\n\nIf there are no processes")[0]
