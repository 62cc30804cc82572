"""The benchmarks are run by hand and rarely; what they take from the package has to be there all the same."""

import importlib
import subprocess
import sys

import pytest

from tests.conftest import ROOT

PROGRAMS = sorted(path.stem for path in (ROOT / "benchmarks").glob("[a-z]*.py"))


@pytest.mark.parametrize("name", PROGRAMS)
def test_every_benchmark_finds_what_it_imports(name: str):
    module = importlib.import_module(f"benchmarks.{name}")
    assert (module.__doc__ or "").strip()


def test_what_torch_says_of_a_package_that_dvclive_brings_is_not_shown():
    """Nor in a user's own program that loads a model: the package is imported before torch."""
    command = [sys.executable, "-c", "import benchmarks.measure, torch.cuda"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stderr == ""
