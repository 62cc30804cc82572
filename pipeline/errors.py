"""Mistakes a user can make or meet. The command line prints them without a traceback."""

import errno
import sqlite3


class PipelineError(Exception):
    """Base of all of them: the message says what, where, what was expected and what to do."""


class ConfigError(PipelineError):
    """params.yaml (or a value given on the command line) is not valid."""


class DataError(PipelineError):
    """A data file is missing, damaged, or not of the expected type, shape or range."""


class RequestError(PipelineError, ValueError):
    """What is asked of a trained model is nothing that it can give."""


class SourceError(PipelineError):
    """No source delivered a dataset, or one delivered something else."""


class TrainingError(PipelineError):
    """Training cannot start or cannot go on."""


class PeerLost(SystemExit):
    """Another rank of the run has died. Who started the ranks says which and why; this one just ends."""

    CODE = 75


DISK_ERRORS = (OSError, sqlite3.OperationalError)  # some of them are refusals
REFUSALS = (
    *(errno.ENOSPC, errno.EDQUOT, errno.EFBIG),  # full disk, full quota, larger than allowed
    *(errno.EACCES, errno.EPERM, errno.EROFS),  # no right to write
    *(errno.ENOTDIR, errno.EISDIR, errno.EEXIST),  # something else stands there
    *(errno.ELOOP, errno.ENAMETOOLONG),
    *(errno.EIO, errno.ESTALE),  # the disk or its server fails
)


def refused_write(error: BaseException | None) -> str | None:
    """What it says if it comes from a disk that takes no more, or from a path that cannot be used.

    DVC keeps databases outside of the project, too (core.site_cache_dir), and wraps errors.
    """
    while error is not None:
        if isinstance(error, OSError) and error.errno in REFUSALS:
            place = (
                error.filename2 or error.filename
            )  # of a rename where it goes, which the user knows
            return f"{error.strerror} ({place})" if place else error.strerror
        if isinstance(error, sqlite3.OperationalError) and "locked" not in str(error):
            return f"{error} (a database of DVC, in /var/tmp/dvc or your core.site_cache_dir)"
        error = error.__cause__
    return None
