"""What make adds to an environment, and that `make unit` leaves out the slow folders."""

import os
import subprocess
from pathlib import Path

import pytest

from tests.conftest import ROOT, SLOW


def cache(home: str) -> str:
    """XDG_CACHE_HOME as make's commands see it when HOME is `home`."""
    kept = {key: value for key, value in os.environ.items() if not key.startswith(("XDG", "MAKE"))}
    return subprocess.check_output(
        ["make", "--no-print-directory", "--eval", 'show: ; @echo "$$XDG_CACHE_HOME"', "show"],
        cwd=ROOT,
        text=True,
        env=kept | {"HOME": home},
    ).strip()


def test_a_home_that_takes_no_files_is_replaced_as_the_place_for_caches(tmp_path: Path):
    assert cache("/dev/null") == str(ROOT / ".snakemake/cache")
    assert cache(str(tmp_path)) == ""


@pytest.mark.parametrize(("target", "ignored"), [("unit", True), ("test", False)])
def test_make_unit_leaves_out_the_folders_of_slow_tests(target: str, ignored: bool):
    command = ["make", "--dry-run", "--assume-old=.venv/installed", "INSTALLED=", target]
    said = subprocess.check_output(command, cwd=ROOT, text=True)
    assert "pytest" in said
    for folder in SLOW:
        assert (ROOT / "tests" / folder).is_dir()
        assert (f"--ignore=tests/{folder}" in said) == ignored


def test_the_tests_of_a_file_never_run_side_by_side_and_slurm_has_one_file():
    makefile = (ROOT / "Makefile").read_text()
    assert makefile.count("pytest --numprocesses 2 --dist loadfile ") == 2
    assert len(list((ROOT / "tests/cluster").glob("test_*.py"))) == 1
