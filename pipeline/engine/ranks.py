"""A stage on several devices: torchrun's agent starts its ranks, and none of them outlives it.

The agent is torchrun's own (torch.distributed.launcher), inside the stage's process: it finds a free
port, passes signals on, and stops all ranks when one has died. Each rank runs `python -m pipeline
STAGE NAME`, as the stage itself; the command line calls `set_up` when it is `inside` a rank.
"""

import logging
import os
import signal
import sys
import tempfile
import uuid
from pathlib import Path
from types import FrameType

from pipeline.engine import processes
from pipeline.errors import PeerLost, TrainingError

PROGRAM = ("-m", "pipeline")
WORDS = "PIPELINE_RANKS_WORDS"  # folder for the stderr of all ranks but rank 0
SAID = 76  # exit code of a rank that has printed what is wrong; torch's own failures are 1
STOP_SECONDS = 5  # for ranks to end after a signal; less than processes.PATIENCE_SECONDS
LAST_WORDS = 2_000  # characters of a dead rank's stderr that are shown


def inside() -> bool:
    """Whether this process is a rank."""
    return "TORCHELASTIC_RUN_ID" in os.environ


def launch(count: int, *arguments: str) -> None:
    """Run the stage `arguments` in `count` processes on this machine; return when all have succeeded.

    Rank 0 writes to this process's stderr. Of another rank the end of its stderr is printed if it is
    the one that failed. TrainingError if a rank died, SystemExit if it has printed a user's error.
    """
    from torch.distributed.elastic.multiprocessing import DefaultLogsSpecs, SignalException
    from torch.distributed.elastic.multiprocessing.errors import ChildFailedError
    from torch.distributed.launcher.api import LaunchConfig, elastic_launch

    logging.getLogger("torch.distributed.elastic").setLevel(logging.CRITICAL)
    processes.announce()  # a rank ends when this process does, however it does
    handlers = {number: signal.getsignal(number) for number in HANDLED}
    with tempfile.TemporaryDirectory(prefix="ranks-") as logs:
        config = LaunchConfig(
            min_nodes=1,
            max_nodes=1,
            nproc_per_node=count,
            run_id=uuid.uuid4().hex,
            rdzv_backend="c10d",
            rdzv_endpoint="localhost:0",  # a port that is free
            local_addr="localhost",
            max_restarts=0,
            shutdown_timeout=STOP_SECONDS,
            logs_specs=DefaultLogsSpecs(log_dir=logs),
        )
        os.environ[WORDS] = logs
        try:
            elastic_launch(config, sys.executable)(*PROGRAM, *arguments)
        except ChildFailedError as error:
            failed = {rank: failure.exitcode for rank, failure in error.failures.items()}
            raise why(failed, count, Path(logs)) from None
        except SignalException as error:
            if error.sigval == signal.SIGINT:
                raise KeyboardInterrupt from None
            signal.signal(error.sigval, signal.SIG_DFL)
            os.kill(os.getpid(), error.sigval)
        finally:
            for number, handler in handlers.items():
                signal.signal(number, handler)


HANDLED = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGQUIT)  # by torchrun


def why(failed: dict[int, int], count: int, logs: Path) -> BaseException:
    """Which rank has ended the run, and why. `failed`: exit codes of ranks, -N for signal N."""
    # ranks that lost another one, or that torchrun stopped, are not the cause; rank 0 has printed its own
    victims = (PeerLost.CODE, -signal.SIGTERM, 128 + signal.SIGTERM)
    rank, code = min(failed.items(), key=lambda item: (item[1] in victims, item[0]))
    if rank and (words := logs / str(rank)).exists():
        sys.stderr.write(words.read_text(errors="replace")[-LAST_WORDS:])
    if code == SAID:
        return SystemExit(1)
    how = f"was killed by {signal.Signals(-code).name}" if code < 0 else f"ended with code {code}"
    memory = " (by the system, if memory ran out)" if code == -signal.SIGKILL else ""
    return TrainingError(
        f"rank {rank} of {count} {how}{memory}, so the others were stopped. The last checkpoint is kept: "
        "the same command goes on from it."
    )


def set_up() -> None:
    """Call it first in a process that is a rank: signals, stderr, and its end with its starter."""
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, interrupted)
    if os.environ["RANK"] != "0":
        with (Path(os.environ[WORDS]) / os.environ["RANK"]).open("w") as words:
            os.dup2(words.fileno(), sys.stderr.fileno())
    os.environ.pop("DVC_STAGE", None)  # the stage's process guards its inputs
    processes.end_with_starter()


def leave_in_peace() -> None:
    """Call it when a rank has nothing left to do: torchrun's signal, which may come while Python puts things away, would
    print where."""
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)


def interrupted(number: int, frame: FrameType | None) -> None:
    """End without a word: the process that started this rank prints one for all."""
    raise SystemExit(128 + number)
