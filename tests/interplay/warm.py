"""Runs `dvc` and `snakemake` commands in forks of one process that has imported both already.

The programs' own main functions in a process of their own each, without the seconds that importing
them takes. Requests and answers are lines of JSON on stdin and stdout.
"""

import importlib
import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import NoReturn

PRELOADED = (
    "dvc.cli.parser",
    "dvc.repo.reproduce",
    "dvc.stage.cache",
    "dvc_data.hashfile.build",
    "networkx",
    "snakemake.api",
    "snakemake.cli",
    "snakemake.scheduling.job_scheduler",
    "snakemake.workflow",
)


def serve() -> None:
    for module in PRELOADED:
        importlib.import_module(module)
    for line in sys.stdin:
        request = json.loads(line)
        if "command" in request:
            pid = os.fork()
            if pid == 0:
                become(**request)
            print(pid, flush=True)
        else:
            _, status = os.waitpid(request["wait"], 0)
            print(os.waitstatus_to_exitcode(status), flush=True)


def become(command: list[str], folder: str, environment: dict[str, str], output: str) -> NoReturn:
    os.setsid()
    signal.signal(signal.SIGINT, signal.default_int_handler)
    os.chdir(folder)
    os.environ.clear()
    os.environ.update(environment)
    descriptor = os.open(output, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    nowhere = os.open(os.devnull, os.O_RDONLY)
    for source, target in ((nowhere, 0), (descriptor, 1), (descriptor, 2)):
        os.dup2(source, target)
    sys.argv = [f"/usr/bin/{command[0]}", *command[1:]]
    code: int | str | None = 1
    try:
        if command[0] == "dvc":
            from dvc.cli import main

            code = main(command[1:])
        else:
            from snakemake.cli import main

            code = main(command[1:])
    except SystemExit as end:
        code = end.code
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code if isinstance(code, int) else int(code is not None))


class Warm:
    """The client: start a command, wait for it."""

    def __init__(self) -> None:
        self.server = subprocess.Popen(
            [sys.executable, "-W", "ignore", __file__],
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

    def start(self, *command: str, folder: Path, environment: dict[str, str], output: Path) -> int:
        return self.ask(
            command=command, folder=str(folder), environment=environment, output=str(output)
        )

    def wait(self, pid: int) -> int:
        """Its exit code; minus the signal that killed it."""
        return self.ask(wait=pid)

    def close(self) -> None:
        self.server.communicate()


if __name__ == "__main__":
    serve()
