"""The benchmarks are run by hand and rarely; what they take from the package has to be there all the same."""

import importlib
from pathlib import Path

import pytest

PROGRAMS = sorted(
    path.stem for path in (Path(__file__).parents[2] / "benchmarks").glob("[a-z]*.py")
)


@pytest.mark.parametrize("name", PROGRAMS)
def test_every_benchmark_finds_what_it_imports(name: str):
    module = importlib.import_module(f"benchmarks.{name}")
    assert (module.__doc__ or "").strip()
