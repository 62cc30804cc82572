"""python -m pipeline.engine.job STAGE: what a Snakemake job runs, `dvc repro --single-item STAGE`.

Unlike that command it waits for processes that hold DVC's locks, it prints only what is not routine
(DVC repeats advice on Git after every stage, and its --quiet hides the reason of a failure, too),
and it ends when Snakemake does.
"""

import logging
import os
import signal
import sys
from pathlib import Path

from dvc.exceptions import DvcException, ReproductionError
from dvc.lock import LockError
from dvc.repo import Repo, lock_repo
from dvc.stage.exceptions import StageCmdFailedError

from pipeline.engine import lock_file, locks, params_cache, processes, repair
from pipeline.errors import DISK_ERRORS, PipelineError, refused_write
from pipeline.io.notes import PROGRESS
from pipeline.paths import CONTINUED


def main(stage: str) -> int:
    logging.getLogger("dvc").setLevel(logging.WARNING)
    try:
        processes.interrupt_on_sigterm()
        locks.tag_holder(stage)
        if processes.is_elsewhere():
            locks.check_locks_reach_here()
        processes.interrupt_with_starter()
        processes.announce()
        params_cache.parse_params_once()
        announce_progress(stage)
        ran = locks.when_free(lambda: reproduce(stage), is_busy)
    except KeyboardInterrupt:
        print(f"{stage}: stopped; the next call goes on", file=sys.stderr)
        return 128 + signal.SIGINT
    except (DvcException, PipelineError, *DISK_ERRORS) as error:
        if (why := reason(error)) is None:
            raise
        print(
            f"error: stage {stage} failed: {why}\n"
            f"  its log: {log_file(stage)}\n"
            "  next: mend the cause, then: snakemake --cores all (what is done stays done)",
            file=sys.stderr,
        )
        return 1
    print(f"{stage}: {'done and recorded in dvc.lock' if ran else 'up to date'}", file=sys.stderr)
    return 0


def announce_progress(stage: str) -> None:
    """Tell the stage's command where to note how far it is; what an earlier one left there is gone."""
    path = Path(progress_file(stage)).resolve()
    path.parent.mkdir(parents=True, exist_ok=True)
    path.unlink(missing_ok=True)
    os.environ[PROGRESS] = str(path)


def reproduce(name: str) -> bool:
    """Whether it ran or came from the cache; False if it was up to date."""
    repair.mend_busy_files()
    # jobs run side by side: they take turns at reading and writing dvc.lock
    with Repo(_wait_for_lock=True) as repo, lock_repo(repo), repo.scm_context(quiet=True):
        repair.mend_lock_file()
        try:
            stage = repo.stage.load_one(name=name)
            ran = stage.reproduce() is not None
        except Exception as error:  # its libraries have errors of their own, which DVC wraps, too
            raise ReproductionError(f"failed to reproduce {name}") from error
        if ran:
            lock_file.record(repo, stage)
        return ran


def is_busy(error: BaseException) -> bool:
    """Another process reads or writes a file of the stage; DVC does not wait for that, we do."""
    return isinstance(innermost(error), LockError)


def log_file(stage: str) -> str:
    return f"logs/{stage.replace('@', '_')}.log"


def progress_file(stage: str) -> str:
    """Where a stage that lasts notes how far it is; see pipeline/io/notes.py."""
    return f".dvc/tmp/progress/{stage.replace('@', '_')}.json"


def in_words(stage: str) -> str:
    """train mnist: without the group that a continued run's stages are in."""
    return stage.removeprefix(CONTINUED).replace("@", " ")


def reason(error: BaseException) -> str | None:
    """In words; None if it is nothing that a user can cause or mend."""
    if why := refused_write(error):
        return f"{why}. Make room, get write access or mend that path."
    cause = innermost(error)
    if isinstance(cause, StageCmdFailedError):
        return f"see its own message above; {cause}"
    return str(cause) if isinstance(error, DvcException | PipelineError) else None


def innermost(error: BaseException) -> BaseException:
    """DVC wraps the cause in "failed to reproduce"."""
    while error.__cause__ is not None:
        error = error.__cause__
    return error


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
