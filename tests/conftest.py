"""Fixtures: a project folder of one's own, and MNIST fetched once."""

import fcntl
import os
import shutil
import signal
import subprocess
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests import warm

# A shell that starts the tests in the background has them ignore Ctrl-C, and all that they start.
signal.signal(signal.SIGINT, signal.default_int_handler)
# before any test imports torch, as in pipeline/cli/__init__.py
os.environ.setdefault("GOMP_SPINCOUNT", "10000")
# One thread, unless told: nets so small only wait for each other's threads, the more so where tests run
# side by side. Of the tests' own processes; commands have a user's environment (below).
GIVEN = os.environ.setdefault("PYTEST_THREADS_GIVEN", os.environ.get("OMP_NUM_THREADS", ""))
os.environ["OMP_NUM_THREADS"] = GIVEN or "1"

ROOT = Path(__file__).parents[1]
VERSIONED = (
    "Snakefile",
    "dvc.yaml",
    "params.yaml",
    ".dvcignore",
    ".gitignore",
    "README.md",
    "Makefile",
)
FOLDERS = ("pipeline", "gan_pipeline", "recipes", "profiles", "data", "results", "tools")
SECONDS = 1200  # that a command may take


# Folders of tests that run programs for minutes, in the order in which they start; `make unit` runs
# all others. Tests run side by side by file (pytest-xdist's loadfile). A machine has one Slurm, so all
# that needs it is one file of tests/cluster.
SLOW = ("cluster", "interplay", "endtoend")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The slow folders come first, so that no worker starts one last."""

    def folder(item: pytest.Item) -> str:
        return item.path.relative_to(ROOT / "tests").parts[0]

    items.sort(key=lambda item: [folder(item) != name for name in SLOW])


@dataclass(frozen=True)
class Project:
    """A clone-like copy of the project, committed to Git, to run commands in."""

    path: Path

    def environment(self, **more: str) -> dict[str, str]:
        """What `run` gives its command."""
        return environment() | more

    def run(self, *command: str, fails: bool = False, **more: str) -> str:
        """Both outputs of `command`; its exit code must be 0, or another with `fails`."""
        code, said = self.ended(command, self.environment(**more))
        assert (code != 0) == fails, f"{command} ended with {code}:\n{said}"
        return said

    def ended(self, command: tuple[str, ...], variables: dict[str, str]) -> tuple[int, str]:
        """Its exit code and both outputs; of most commands without the seconds that imports take."""
        if warm.can(command):
            return warm.shared().run(command, self.path, variables, SECONDS)
        done = subprocess.run(
            command, cwd=self.path, capture_output=True, text=True, timeout=SECONDS, env=variables
        )
        return done.returncode, done.stdout + done.stderr

    def pipeline(self, *arguments: str, fails: bool = False) -> str:
        return self.run("python", "-m", "pipeline", *arguments, fails=fails)

    def snakemake(self, *arguments: str, fails: bool = False) -> str:
        return self.run("snakemake", "--cores", "all", *arguments, fails=fails)

    def commit(self, message: str = "change") -> None:
        self.run("git", "add", "--all")
        self.run("git", "commit", "--quiet", "--message", message)

    def edit(self, file: str, old: str, new: str) -> None:
        text = (self.path / file).read_text()
        assert old in text, f"{file} has no {old!r}"
        (self.path / file).write_text(text.replace(old, new))

    def copy(self, path: Path) -> "Project":
        shutil.copytree(self.path, path, symlinks=True)
        return Project(path)


def environment() -> dict[str, str]:
    """Of a user's shell in the environment, whatever started the tests."""
    dropped = ("PYTEST_", "PIPELINE_", "DVC", "SNAKEMAKE", "MAKE", "MFLAGS", "PYTHONPATH")
    kept = {key: value for key, value in os.environ.items() if not key.startswith(dropped)}
    if not GIVEN:
        kept.pop("OMP_NUM_THREADS", None)
    identity = {"GIT_AUTHOR_NAME": "Test", "GIT_AUTHOR_EMAIL": "test@example.com"}
    identity |= {key.replace("AUTHOR", "COMMITTER"): value for key, value in identity.items()}
    return kept | identity


def new_project(path: Path, recipe: str) -> Project:
    """What a clone holds, in a folder whose name has a space, under `recipe`."""
    path.mkdir(parents=True)
    for name in VERSIONED:
        if (ROOT / name).exists():
            shutil.copy2(ROOT / name, path / name)
    ignore = shutil.ignore_patterns("*.pyc.*", "*.npz", "*.safetensors", "raw", "normalized")
    for name in FOLDERS:
        if name == "results":
            continue
        shutil.copytree(ROOT / name, path / name, ignore=ignore)
    (path / ".dvc/plots").mkdir(parents=True)
    for name in (".dvc/config", ".dvc/.gitignore", ".dvc/plots/losses.json"):
        shutil.copy2(ROOT / name, path / name)
    shutil.copy2(ROOT / recipe, path / "params.yaml")
    project = Project(path)
    project.run("git", "init", "--quiet", "--initial-branch", "main")
    project.commit("start")
    return project


@pytest.fixture
def project(tmp_path: Path) -> Project:
    """Nothing has run in it yet; the quick recipe."""
    return new_project(tmp_path / "a project", "recipes/quick.yaml")


@pytest.fixture(scope="session")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Project:
    """The quick recipe, run by Snakemake from nothing and committed. Copy it before changing it.

    The first worker of pytest-xdist that needs it runs it, on all cores; each gets a copy of its own.
    """
    base = tmp_path_factory.getbasetemp()
    place = base.parent if "PYTEST_XDIST_WORKER" in os.environ else base
    made = Project(place / "made" / "a project")
    with (place / "made.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not made.path.exists():
            started = new_project(
                tmp_path_factory.mktemp("made") / "a project", "recipes/quick.yaml"
            )
            started.snakemake()
            started.commit("results")
            started.path.parent.rename(made.path.parent)
    return made.copy(tmp_path_factory.mktemp("finished") / "a project")


@pytest.fixture
def browser():
    """A tests.browser.Browser, offline."""
    from tests.browser import started

    with started() as browser:
        yield browser


@pytest.fixture(scope="session")
def mnist(tmp_path_factory: pytest.TempPathFactory):
    """The genuine 70,000 images, from whatever source delivers them here."""
    from pipeline.config.datasets import Mnist
    from pipeline.sources import mnist

    return mnist.fetch(Mnist(name="mnist"))
