"""Runs `dvc`, `snakemake` and `python -m` in forks of one process that has imported both programs already.

The programs' own main functions in a process of their own each, without the seconds that importing
them takes. What a project's folder has of its own, its `pipeline` included, each fork imports anew.
Requests and answers are lines of JSON on stdin and stdout.
"""

import atexit
import functools
import gc
import importlib
import json
import os
import runpy
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import NoReturn

PRELOADED = (
    "docutils.core",
    "dvc.cachemgr",
    "dvc.cli.parser",
    "dvc.data_cloud",
    "dvc.render",
    "dvc.repo.pull",
    "dvc.repo.push",
    "dvc.repo.reproduce",
    "dvc.repo.status",
    "dvc.rwlock",
    "dvc.scm",
    "dvc.stage.cache",
    "dvc_data.hashfile.build",
    "dvc_render",
    "networkx",
    "psutil",
    "pyparsing",
    "ruamel.yaml",
    "scmrepo.git",
    "smart_open",
    "snakemake.api",
    "snakemake.cli",
    "snakemake.parser",
    "snakemake.report.html_reporter",
    "snakemake.scheduling.job_scheduler",
    "snakemake.workflow",
    "yaml",
)


def serve() -> None:
    sys.path.pop(0)  # this file's folder
    for module in PRELOADED:
        importlib.import_module(module)
    gc.freeze()
    for line in sys.stdin:
        request = json.loads(line)
        if "command" in request:
            pid = os.fork()
            if pid == 0:
                become(**request)
            print(pid, flush=True)
        else:
            print(ended(request["wait"], request["seconds"]), flush=True)


def ended(pid: int, seconds: float) -> int:
    """Its exit code; it is killed if it has none after so long, or if Ctrl-C ends the tests."""
    until = time.monotonic() + seconds
    try:
        while not (done := os.waitpid(pid, os.WNOHANG))[0]:
            if time.monotonic() > until:
                raise TimeoutError
            time.sleep(0.01)
    except (TimeoutError, KeyboardInterrupt):
        os.killpg(pid, signal.SIGKILL)
        done = os.waitpid(pid, 0)
    return os.waitstatus_to_exitcode(done[1])


def become(
    command: list[str], folder: str, environment: dict[str, str], output: str, errors: str
) -> NoReturn:
    os.setpgid(0, 0)
    signal.signal(signal.SIGINT, signal.default_int_handler)
    os.chdir(folder)
    os.environ.clear()
    os.environ.update(environment)
    tempfile.tempdir = None  # TMPDIR may be another
    nowhere = os.open(os.devnull, os.O_RDONLY)
    said = [
        os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
        for path in dict.fromkeys((output, errors))
    ]
    for source, target in ((nowhere, 0), (said[0], 1), (said[-1], 2)):
        os.dup2(source, target)
    code: int | str | None = 1
    try:
        code = main(command)
    except SystemExit as end:
        code = end.code
    except BaseException:
        sys.excepthook(*sys.exc_info())
    finally:
        if isinstance(code, str):
            print(code, file=sys.stderr)
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code if isinstance(code, int) else int(code is not None))


def main(command: list[str]) -> int | None:
    if command[:2] == ["python", "-m"]:
        sys.path.insert(0, os.getcwd())
        sys.orig_argv = command
        sys.argv = ["-m", *command[3:]]
        runpy.run_module(command[2], run_name="__main__", alter_sys=True)
        return None
    program = shutil.which(command[0])
    assert program, command[0]
    sys.path.insert(0, str(Path(program).parent))
    sys.orig_argv = ["python", program, *command[1:]]
    sys.argv = [program, *command[1:]]
    return importlib.import_module(f"{command[0]}.cli").main(command[1:])


class Warm:
    """The client: start a command, wait for it."""

    def __init__(self) -> None:
        self.server = subprocess.Popen(
            [sys.executable, __file__],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            cwd="/",
        )

    def ask(self, **request: object) -> int:
        assert self.server.stdin is not None and self.server.stdout is not None
        self.server.stdin.write(json.dumps(request) + "\n")
        self.server.stdin.flush()
        return int(self.server.stdout.readline())

    def start(
        self,
        *command: str,
        folder: Path,
        environment: dict[str, str],
        output: Path,
        errors: Path | None = None,
    ) -> int:
        """Its process number. What it says is appended to `output` and, if that is given, to `errors`."""
        return self.ask(
            command=command,
            folder=str(folder),
            environment=environment,
            output=str(output),
            errors=str(errors or output),
        )

    def wait(self, pid: int, seconds: float = 300) -> int:
        """Its exit code; minus the signal that killed it, which is SIGKILL after `seconds`."""
        return self.ask(wait=pid, seconds=seconds)

    def run(
        self, command: tuple[str, ...], folder: Path, environment: dict[str, str], seconds: float
    ) -> tuple[int, str]:
        """Its exit code, and what it said on both outputs, one after the other."""
        with tempfile.TemporaryDirectory() as said:
            output, errors = Path(said, "output"), Path(said, "errors")
            pid = self.start(
                *command, folder=folder, environment=environment, output=output, errors=errors
            )
            return self.wait(pid, seconds), output.read_text() + errors.read_text()

    def close(self) -> None:
        self.server.communicate()


def can(command: tuple[str, ...]) -> bool:
    """Whether `command` is one that a fork can run."""
    return command[0] in ("dvc", "snakemake") or command[:2] == ("python", "-m")


@functools.cache
def shared() -> Warm:
    """The one of this process, until it ends."""
    warm = Warm()
    atexit.register(warm.close)
    return warm


if __name__ == "__main__":
    serve()
