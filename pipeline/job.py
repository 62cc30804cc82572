"""python -m pipeline.job STAGE: what a Snakemake job runs, `dvc repro --single-item STAGE`.

The same as the command line's, but it says only what is not routine: DVC's own output repeats
advice on Git after every stage, and its --quiet hides the reason of a failure, too.
"""

import logging
import sys

from dvc.exceptions import DvcException
from dvc.repo import Repo
from dvc.stage.exceptions import StageCmdFailedError


def main(stage: str) -> int:
    logging.getLogger("dvc").setLevel(logging.WARNING)
    try:
        # jobs run side by side: wait for each other when they read or write dvc.lock
        with Repo(_wait_for_lock=True) as repo:
            ran = repo.reproduce(stage, single_item=True)
    except DvcException as error:
        print(f"error: stage {stage} failed: {reason(error)}", file=sys.stderr)
        return 1
    print(f"{stage}: {'done and recorded in dvc.lock' if ran else 'up to date'}", file=sys.stderr)
    return 0


def reason(error: BaseException) -> str:
    """The innermost message: DVC wraps the cause in "failed to reproduce"."""
    while error.__cause__ is not None:
        error = error.__cause__
    if isinstance(error, StageCmdFailedError):
        return f"see its own message above; {error}"
    return str(error)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
