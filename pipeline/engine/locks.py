"""Who is at work in the project's folder, and how a process waits for the others.

Locks are the kernel's (flock): they end with the process, however it ends, so none is ever left to
be deleted by hand. What a killed process leaves besides: repair.py. All rules: README.md.
"""

import fcntl
import os
import re
import socket
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import TextIO, TypeVar

from pipeline.engine.folder import check_folder
from pipeline.errors import PipelineError

TEMPORARY = Path(".dvc/tmp")
SNAKEMAKE_LOCK = TEMPORARY / "snakemake.lock"
RETRY_SECONDS = 0.5
TAG = re.compile(r"pipeline\.engine\.job@(\S+) ")  # of tag_holder, with the machine's name

T = TypeVar("T")


class BusyError(PipelineError):
    """Another process is at work in this folder."""


def take_snakemake_lock(wait: bool) -> TextIO:
    """The lock that one main Snakemake process holds at a time; it ends with the file or process.

    A second one must not judge what is stale meanwhile: it would take outputs that the first one's
    jobs have deleted, and are making again, for lost. BusyError if it is held and not `wait`.
    """
    check_folder()
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


def check_locks_reach_here() -> None:
    """In a job on another machine: BusyError unless its Snakemake's lock is seen as held here.

    If it is not, either that Snakemake is gone, and with it the process that would wait for this
    job; or the file system does not carry locks between machines, and jobs would overwrite each
    other's dvc.lock.
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


def tag_holder(stage: str) -> None:
    """Put this machine's name into what DVC notes of this process in its list of busy files.

    DVC notes process number and command line; a number says nothing on another machine.
    """
    sys.argv = [f"pipeline.engine.job@{socket.gethostname()}", stage]


def when_free(
    action: Callable[[], T], busy: Callable[[Exception], bool], seconds: float = float("inf")
) -> T:
    """The result of `action`, tried again while its error says that another process is at work.

    `busy`: whether an error says so. It is raised if it still does after so many `seconds`.
    """
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
