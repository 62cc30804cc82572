"""A folder that several processes work in at the same time, and that none of them may delete under the others.

Each holds a lock of the kernel (flock) on one file in it, which ends with the process. Where the file system has no
such locks, every process takes itself for the only one.
"""

import fcntl
import shutil
from contextlib import suppress
from pathlib import Path
from typing import BinaryIO, cast

NAME = "in_use"


def marked(folder: Path) -> BinaryIO:
    """The file in `folder`, which is made if need be: until it is closed, the folder is in use."""
    while True:
        folder.mkdir(parents=True, exist_ok=True)
        with suppress(FileNotFoundError):  # another process has just deleted the folder
            mark = opened(folder, "ab")
            locked(mark, fcntl.LOCK_SH)
            if (folder / NAME).exists():
                return mark
            mark.close()


def delete_unless_used(folder: Path, mark: BinaryIO) -> None:
    """Delete the folder if nobody has marked it but `mark`, which is nobody's after this."""
    if locked(mark, fcntl.LOCK_EX | fcntl.LOCK_NB):
        shutil.rmtree(folder, ignore_errors=True)


def is_used(folder: Path) -> bool:
    """Whether a process has marked the folder."""
    try:
        with opened(folder, "rb+") as mark:
            return not locked(mark, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except PermissionError:
        return True
    except OSError:  # not there: nobody ever has
        return False


def opened(folder: Path, mode: str) -> BinaryIO:
    """The file that is locked, in `mode`, or to read only where it is another user's."""
    path = folder / NAME
    try:
        return cast(BinaryIO, path.open(mode))
    except PermissionError:
        if not path.exists():
            raise
        return path.open("rb")


def locked(mark: BinaryIO, kind: int) -> bool:
    """False if others have locks on the file."""
    try:
        fcntl.flock(mark, kind)
    except BlockingIOError:
        return False
    except OSError:
        pass
    return True
