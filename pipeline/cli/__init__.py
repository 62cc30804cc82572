"""python -m pipeline COMMAND: one stage by hand, as dvc.yaml runs it, and what else there is to do.

A module for each group of commands; its `commands` adds them. What a command needs it imports when it runs:
`--help` must not wait for torch.
"""

import argparse
import io
import os
import select
import sys
from collections.abc import Callable

from pipeline import __version__
from pipeline.cli import models, results, settings, stages, team
from pipeline.compute import arithmetic
from pipeline.engine import processes, ranks
from pipeline.engine.by_hand import warn_of_other_inputs
from pipeline.engine.input_guard import recorded_as_read
from pipeline.errors import DISK_ERRORS, PipelineError, refused_write

# Waiting threads spin for some microseconds, then sleep. Endless spinning made a training step 30 times
# slower where other programs use the same cores; no spinning makes it 1.6 times slower where none does.
# GNU OpenMP reads this when torch is imported, which the stages do.
os.environ.setdefault("GOMP_SPINCOUNT", "10000")


def main(arguments: list[str] | None = None) -> int:
    """Run a command. Returns 0, 1 after an error printed in a few lines, 130 after Ctrl-C.

    Ranks of a training return ranks.SAID instead of 1, so that the error is printed once.
    """
    if arguments is None:
        open_streams()
    options = parser().parse_args(arguments)
    if not ranks.inside():
        processes.interrupt_on_sigterm()
        return run(options, arguments is None, failed=1)
    ranks.set_up()
    try:
        return run(options, arguments is None, failed=ranks.SAID)
    finally:
        ranks.leave_in_peace()


def run(options: argparse.Namespace, is_all: bool, failed: int) -> int:
    """`is_all`: this process is the command, and nothing else; `failed`: the exit code of an error."""
    try:
        if not ranks.inside() and "DVC_STAGE" not in os.environ:
            warn_of_other_inputs(options.stage, getattr(options, "name", None))
        with recorded_as_read():
            options.command(options)
        sys.stdout.flush()
    except BrokenPipeError:
        if not nobody_reads(sys.stdout.fileno()):
            raise
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return failed
    except arithmetic.NeedsRestart as error:
        if is_all:
            arithmetic.restart()
        print(f"error: {error}", file=sys.stderr)
        return failed
    except PipelineError as error:
        print(f"error: {error}", file=sys.stderr)
        return failed
    except DISK_ERRORS as error:
        if why := refused_write(error):
            step = "make room, get write access or mend that path, then run the same command again."
        elif isinstance(error, OSError) and error.filename:
            why, step = f"{error.strerror} ({error.filename})", "mend that path and run it again."
        else:
            raise
        print(f"error: {why}. Nothing half-written was left behind; {step}", file=sys.stderr)
        return failed
    except MemoryError as error:
        print(
            f"error: the memory of this machine does not suffice ({error or 'all of it is in use'}). Take smaller "
            "settings or fewer data, or end what else uses it, then run the same command again.",
            file=sys.stderr,
        )
        return failed
    except KeyboardInterrupt:
        print("interrupted; the same command goes on from the last checkpoint", file=sys.stderr)
        return 130
    return 0


def open_streams() -> None:
    """Open what the command was started without, as by `>&-`: the first file that it opens would be its stdout. Letters
    that the terminal's encoding lacks, as in names of files, are shown as \\u2603."""
    for number, name in enumerate(("stdin", "stdout", "stderr")):
        if getattr(sys, name) is None:
            os.dup2(os.open(os.devnull, os.O_RDWR), number)
            os.set_inheritable(number, True)
            setattr(sys, name, os.fdopen(number, "w" if number else "r"))
    if isinstance(sys.stdout, io.TextIOWrapper) and sys.stdout.errors == "strict":
        sys.stdout.reconfigure(errors="backslashreplace")


def nobody_reads(descriptor: int) -> bool:
    """Whether the other end of a pipe is closed: its reader has seen enough, as in `compare | head`."""
    poll = select.poll()
    poll.register(descriptor, 0)
    return any(event & select.POLLERR for _, event in poll.poll(0))


def parser() -> argparse.ArgumentParser:
    top = argparse.ArgumentParser(
        prog="python -m pipeline",
        description="Run one stage by hand. All of them, in order: snakemake --cores all, or dvc repro.",
    )
    top.add_argument("--version", action="version", version=__version__)
    commands = top.add_subparsers(title="stages and commands", required=True, metavar="COMMAND")

    def add(name: str, action: Callable, purpose: str) -> argparse.ArgumentParser:
        command = commands.add_parser(name, help=purpose, description=purpose)
        command.set_defaults(command=action, stage=name)
        return command

    for group in (settings, stages, results, models, team):
        group.commands(add)
    return top
