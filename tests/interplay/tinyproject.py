"""A project with stages of milliseconds under our Snakefile, workflow.py and job.py, and its model."""

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import psutil

from tests.conftest import ROOT, Project

HERE = Path(__file__).parent
# What drives the stages; the rest of the package is about GANs.
ENGINE = (
    "__init__.py",
    "__main__.py",
    "cli",
    "errors.py",
    "paths.py",
    "start/__init__.py",
    "compute",
    "engine",
    "io",
    "team",
)
ANY_PARAMS = '''"""The tiny project's params need no validation."""

from types import SimpleNamespace


def load() -> SimpleNamespace:
    return SimpleNamespace(datasets={}, runs={}, every_run={})
'''
STAGES = ("make", "grow", "total")


@dataclass(frozen=True)
class Tiny(Project):
    """Every command sees `executions`, a file outside of the project that the stages append to."""

    executions: Path = field(default=Path())

    def environment(self, **more: str) -> dict[str, str]:
        return super().environment(EXECUTIONS=str(self.executions)) | more

    def start(self, *command: str, **more: str) -> subprocess.Popen[str]:
        """In the background, in a session of its own; nobody reads along."""
        with (self.path.parent / f"{self.path.name}.said").open("a") as said:
            return subprocess.Popen(
                command,
                cwd=self.path,
                stdout=said,
                stderr=subprocess.STDOUT,
                text=True,
                start_new_session=True,
                env=self.environment(**more),
            )

    def said(self) -> str:
        """All that the commands in the background have printed."""
        return (self.path.parent / f"{self.path.name}.said").read_text()

    def executed(self) -> list[str]:
        """Stages whose command ran since the last call, in their order."""
        if not self.executions.exists():
            return []
        names = self.executions.read_text().split()
        self.executions.unlink()
        return names

    @property
    def params(self) -> dict:
        return json.loads((self.path / "params.yaml").read_text())

    def set(self, run: str, **values: int | str) -> None:
        params = self.params
        params["runs"].setdefault(run, {}).update(values)
        self.write(params)

    def remove(self, run: str) -> None:
        params = self.params
        del params["runs"][run]
        self.write(params)

    def write(self, params: dict) -> None:
        (self.path / "params.yaml").write_text(json.dumps(params, indent=2) + "\n")

    def version(self, stage: str) -> int:
        text = (self.path / "code" / f"{stage}.py").read_text()
        return int(re.search(r"^VERSION = (\d+)", text, re.MULTILINE)[1])

    def set_version(self, stage: str, version: int) -> None:
        path = self.path / "code" / f"{stage}.py"
        path.write_text(
            re.sub(r"^VERSION = \d+", f"VERSION = {version}", path.read_text(), flags=re.MULTILINE)
        )

    def expected(self) -> dict[str, str]:
        """Every output's content after a run from scratch of what stands in the folder."""
        made: dict[str, str] = {}
        scores: list[str] = []
        for name, run in sorted(self.params["runs"].items()):
            source = (self.path / f"data/{run['source']}.txt").read_text().strip()
            first = f"made v{self.version('make')} of {source} with {run['base']}"
            grown = f"grown v{self.version('grow')} from ({first}) by {run['factor']}"
            made[f"results/{name}/made.txt"] = first + "\n"
            made[f"results/{name}/side.txt"] = f"beside {source}\n"
            made[f"results/scores/{name}.txt"] = grown + "\n"
            scores.append(grown)
        total = [f"total v{self.version('total')}", *scores]
        return made | {"results/total.txt": "\n".join(total) + "\n"}

    def found(self) -> dict[str, str | None]:
        """The same files as they are."""
        paths = {name: self.path / name for name in self.expected()}
        return {name: path.read_text() if path.exists() else None for name, path in paths.items()}

    def at_work(self) -> list[str]:
        """Commands of living processes whose current folder is the project's."""
        found = []
        for process in psutil.process_iter():
            try:
                if process.cwd() == str(self.path) and process.status() != psutil.STATUS_ZOMBIE:
                    found.append(" ".join(process.cmdline()))
            except (psutil.NoSuchProcess, psutil.AccessDenied):
                continue
        return found

    def await_quiet(self, seconds: float = 120) -> None:
        """Until what a killed process had started has noticed, too."""
        wait_until(lambda: not self.at_work(), seconds)

    def copy_to(self, path: Path) -> "Tiny":
        shutil.copytree(self.path, path, symlinks=True)
        return Tiny(path, path.parent / f"{path.name}.executions")


def wait_until(fact: Callable[[], object], seconds: float = 120) -> None:
    end = time.monotonic() + seconds
    while not fact():
        assert time.monotonic() < end, "waited in vain"
        time.sleep(0.05)


def kill(process: subprocess.Popen, number: signal.Signals = signal.SIGKILL) -> None:
    """That one process only: what it started is to notice by itself."""
    os.kill(process.pid, number)
    process.wait(60)


def new_tiny(path: Path) -> Tiny:
    shutil.copytree(HERE / "tiny", path)
    (path / "pipeline/config").mkdir(parents=True)
    for name in ENGINE:
        source, copied = ROOT / "pipeline" / name, path / "pipeline" / name
        if source.is_dir():
            shutil.copytree(source, copied, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            copied.parent.mkdir(exist_ok=True)
            shutil.copy2(source, copied)
    (path / "pipeline/config/__init__.py").touch()
    (path / "pipeline/config/params.py").write_text(ANY_PARAMS)
    shutil.copytree(ROOT / "profiles", path / "profiles")
    (path / ".dvc").mkdir()
    for name in ("Snakefile", ".dvcignore", ".dvc/config", ".dvc/.gitignore"):
        shutil.copy2(ROOT / name, path / name)
    (path / ".gitignore").write_text(
        "/results/*\n!/results/total.txt\n/.snakemake\n/logs\n/.venv\n__pycache__\n"
    )
    (path / ".venv").symlink_to(Path(sys.prefix))  # as the nodes of a cluster look for it
    tiny = Tiny(path, path.parent / f"{path.name}.executions")
    tiny.run("git", "init", "--quiet", "--initial-branch", "main")
    tiny.commit("start")
    return tiny
