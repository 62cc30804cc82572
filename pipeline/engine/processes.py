"""No process outlives the one that started it: an orphan would write into what its successor makes."""

import contextlib
import os
import re
import signal
import socket
import sys
import threading
import time
from collections.abc import Callable, Iterator

import psutil

# What stands between a job and who started it: `bash -c "python ..."`.
SHELLS = ("sh", "bash", "dash", "zsh", "fish", "ksh")
PROGRAMS = ("dvc", "python")  # may be process 1 in a container
# host, process number and time of birth, in seconds after the machine's
STARTER = "PIPELINE_STARTER"
ORIGIN = "PIPELINE_ORIGIN"  # host of the main Snakemake process, also on the nodes of a cluster
PATIENCE_SECONDS = 10  # for a stage to write its checkpoint after the signal of a Ctrl-C


def announce() -> None:
    """Write this process into the environment of what it starts from now on, as its starter.

    The chain of parents is lost when this process dies, which may happen while a job still starts.
    """
    me = psutil.Process()
    os.environ[STARTER] = f"{socket.gethostname()} {me.pid} {born(me):.2f}"


def born(process: psutil.Process) -> float:
    """Seconds after the start of the machine: the time of day would change for all when its clock is set."""
    return process.create_time() - psutil.boot_time()


def announce_origin() -> None:
    """Call it in the main Snakemake process, so that its jobs know whether they are on another machine."""
    os.environ[ORIGIN] = socket.gethostname()


def is_elsewhere() -> bool:
    """Whether a batch system has carried this process to a machine other than Snakemake's."""
    return os.environ.get(ORIGIN, socket.gethostname()) != socket.gethostname()


def interrupt_on_sigterm() -> None:
    """A batch system that ends a job sends SIGTERM first: let locks go and clean up, as on Ctrl-C."""
    signal.signal(signal.SIGTERM, signal.default_int_handler)


def when_starter_ends(action: Callable[[], None]) -> None:
    """Call `action`, in a thread, as soon as the process that started this one is gone.

    The shells between it and this process survive a kill of Snakemake or DVC, so they do not tell.
    """
    once = threading.Lock()

    def watch(process: psutil.Process | None) -> None:
        if process is not None:
            process.wait()
        if once.acquire(blocking=False):
            action()

    for process in starters():
        threading.Thread(target=watch, args=(process,), daemon=True).start()


def starters() -> list[psutil.Process | None]:
    """The processes whose end ends this one; None for one that has ended already."""
    announced = re.fullmatch(r"(\S+) (\d{1,9}) (\d+(?:\.\d+)?)", os.environ.get(STARTER, ""))
    # not a variable that a queue has carried to another machine, or that somebody else has set
    if announced and announced[1] == socket.gethostname():
        try:
            process = psutil.Process(int(announced[2]))
        except psutil.NoSuchProcess:
            return [None]
        return [process if abs(born(process) - float(announced[3])) < 1 else None]
    return list(ancestors())


def ancestors() -> Iterator[psutil.Process | None]:
    """Shells above this process, nearest first, and the program above them: a plain `dvc repro`."""
    for process in psutil.Process().parents():
        if process.pid == 1 and not any(name in " ".join(process.cmdline()) for name in PROGRAMS):
            yield None  # an orphan, adopted by the system
            return
        yield process
        if process.name() not in SHELLS:
            return


def end_with_starter() -> None:
    """Kill this process and all that it started as soon as its starter is gone."""

    def end() -> None:
        for process in psutil.Process().children(recursive=True):
            _send(process, signal.SIGKILL)
        os._exit(128 + signal.SIGKILL)

    when_starter_ends(end)


def interrupt_with_starter() -> None:
    """Interrupt this process and all below it, as Ctrl-C does, as soon as its starter is gone.

    DVC ignores the signal while it runs a command, and ends when the command has. The signal is
    repeated, because the code it interrupts may swallow the exception (a destructor, for one).
    """

    def interrupt() -> None:
        while True:
            os.kill(os.getpid(), signal.SIGINT)
            interrupt_descendants()
            time.sleep(1)

    if None in starters():
        raise KeyboardInterrupt
    when_starter_ends(interrupt)


def interrupt_descendants(head_start: float = 0) -> None:
    """Interrupt everything below this process, as Ctrl-C does; kill what has not ended in time.

    head_start: seconds to wait before the signal, for processes that the terminal has sent it already.
    """
    _, alive = psutil.wait_procs(psutil.Process().children(recursive=True), timeout=head_start)
    for process in alive:
        _send(process, signal.SIGINT)
    _, alive = psutil.wait_procs(alive, timeout=PATIENCE_SECONDS)
    for process in alive:
        _send(process, signal.SIGKILL)


def _send(process: psutil.Process, number: signal.Signals) -> None:
    try:
        process.send_signal(number)
    except psutil.NoSuchProcess:
        return


def stop_jobs_on_signals(said: Callable[[str], None] | None = None) -> None:
    """Make SIGTERM and SIGINT end the jobs, too. Call it in the main Snakemake once it has a scheduler.

    `said`: gets the words for the user instead of stderr. On SIGTERM Snakemake only stops starting jobs, and waits for those that run, however long; on
    SIGINT it relies on the terminal to signal the jobs, which a batch system or `kill` does not do.
    """
    finish = signal.getsignal(signal.SIGTERM)  # Snakemake's: start no more jobs

    def stop(number: int, frame: object) -> None:
        head_start = 2.0 if number == signal.SIGINT else 0.0
        signal.signal(number, signal.SIG_IGN)
        words = "Stopping: the running jobs end now; the next call goes on."
        # nobody reads them where Ctrl-C has ended `| tee` first; or the signal came amid another line
        with contextlib.suppress(OSError, ValueError, RuntimeError):
            said(words) if said else print(words, file=sys.stderr)

        def end() -> None:
            if callable(finish):
                finish(signal.SIGTERM, None)
            interrupt_descendants(head_start)

        # in a thread: Snakemake's handler takes a lock that the interrupted code may hold
        threading.Thread(target=end).start()

    signal.signal(signal.SIGTERM, stop)
    signal.signal(signal.SIGINT, stop)
