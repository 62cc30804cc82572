"""The README's commands, in the order they stand there, in one project that the quick recipe has filled.

Each is run as it stands, or with its placeholder filled in (FILLED_IN), or by another test (ELSEWHERE).
Commands in running text, between backticks, are not run.
"""

import pytest

from tests.conftest import ROOT, Project
from tests.endtoend.conftest import commands

README = (ROOT / "README.md").read_text()
COMMANDS = commands(README)
# (command, what is run for it): placeholders; and installations, which would change the environment
# that runs the tests, go elsewhere or stop before the last step
FILLED_IN = {
    "git clone <this repository> gan-pipeline && cd gan-pipeline": (
        "git clone --quiet ../origin.git ../gan-pipeline && cd ../gan-pipeline && test -f Makefile"
    ),
    "python3 -m venv .venv && source .venv/bin/activate": (
        "python3 -m venv ../by-hand && source ../by-hand/bin/activate"
    ),
    'pip install --editable ".[pipeline]" --constraint constraints.txt': (
        "pip install --quiet --dry-run --no-deps --no-build-isolation --editable '.[pipeline]'"
    ),
    "pip install -r requirements-slurm.txt -c constraints.txt": (
        "pip install --quiet --dry-run --no-deps -r requirements-slurm.txt -c constraints.txt"
    ),
    "git remote set-url origin <a repository of yours>": "git remote set-url origin ../origin.git",
    "dvc remote add --default team /path/to/a/shared/folder": "dvc remote add --default team ../shared",
}
# (command, the file of tests that runs it, words in that file)
ELSEWHERE = {
    "snakemake --profile profiles/slurm": ("tests/cluster/conftest.py", '"profiles/slurm"'),
}


def test_the_exceptions_are_commands_of_the_readme():
    assert set(FILLED_IN) | set(ELSEWHERE) <= set(COMMANDS)


@pytest.mark.parametrize(("file", "words"), ELSEWHERE.values())
def test_what_is_run_elsewhere_is(file: str, words: str):
    assert words in (ROOT / file).read_text()


def test_every_command_of_the_readme_works(reader: Project):
    for command in COMMANDS:
        if command in ELSEWHERE:
            continue
        if command.startswith("git commit"):  # of the reader's own change
            reader.run("bash", "-c", "echo >> README.md; git add --all")
        reader.run("bash", "-c", FILLED_IN.get(command, command))
    assert (reader.path / "report.html").is_file()


def test_a_release_shows_its_numbers_to_a_clone_that_has_nothing_else(reader: Project):
    reader.commit("arrays")
    said = reader.run("tools/release-results", "quick")
    assert "expected/quick/" in said and "Results of" in said
    reader.run("dvc", "checkout")
    assert "up to date" in reader.run("dvc", "status")
    reader.run("git", "clone", "--quiet", ".", "../a release")
    release = Project(reader.path.with_name("a release"))
    assert "FID" in release.pipeline("compare")
    assert "the same settings and numbers" in release.pipeline("compare", "HEAD", "HEAD~1")
