"""A Slurm cluster for the tests of this folder, and the tiny project that runs on it."""

import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import psutil
import pytest

from tests.cluster.slurm import Slurm
from tests.interplay.tinyproject import Tiny, new_tiny

# the profile as users have it, but for the pauses
PROFILE = ("--profile", "profiles/slurm", "--latency-wait", "5")
SUBMIT = (sys.executable, str(Path(__file__).with_name("snakemake_polling.py")), *PROFILE)


@dataclass(frozen=True)
class OnCluster(Tiny):
    """The tiny project on a login node."""

    slurm: Slurm | None = None

    def environment(self, **more: str) -> dict[str, str]:
        return super().environment(**self.slurm.environment if self.slurm else {}) | more


@pytest.fixture(scope="session")
def slurm(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Slurm]:
    """Fails with the reason where this machine cannot have one: never skipped in silence."""
    cluster = Slurm(tmp_path_factory.mktemp("slurm"))
    try:
        cluster.start()
        yield cluster
    finally:
        cluster.stop()


@pytest.fixture
def tiny(slurm: Slurm, tmp_path: Path) -> Iterator[OnCluster]:
    made = new_tiny(tmp_path / "a tiny project")
    yield OnCluster(made.path, made.executions, slurm)
    for process in psutil.process_iter(["cwd"]):  # of a test that has failed
        if process.info["cwd"] == str(made.path):
            process.kill()
