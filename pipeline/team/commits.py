"""Which commits prune asks DVC about: it takes a second for each, and most name what another names, too."""

import subprocess
from collections.abc import Iterable

from pipeline.errors import PipelineError

RECORDS = (".lock", ".dvc")  # ends of the files of DVC that name results
SETTINGS = (".yaml", ".yml")  # of dvc.yaml and params.yaml, which say which of these are named
VALUES = (".json", ".toml", ".py")  # at the top, where a dvc.yaml may take values from, too


def all_commits() -> list[str]:
    """Of all branches, tags, stashes and worktrees."""
    return git("rev-list", "--all", *heads())


def not_pushed() -> list[str]:
    """Those that no Git remote has; without a Git remote these are all."""
    return git("rev-list", "--branches", "--tags", *heads(), "--not", "--remotes")


def heads() -> list[str]:
    """What no branch or tag names: where worktrees are, and all stashes."""
    listed = [line.partition(" ") for line in git("worktree", "list", "--porcelain")]
    trees = [commit for key, _, commit in listed if key == "HEAD" and commit.strip("0")]
    return ["HEAD", *trees, *git("stash", "list", "--format=%H")]


def naming_results(commits: Iterable[str]) -> list[str]:
    """Of `commits` one each of those that name the same results; none that names none."""
    found: dict[tuple[str, ...], str] = {}
    for commit in commits:
        files = git("-c", "core.quotePath=false", "ls-tree", "-r", commit)
        if any(file.endswith(RECORDS) for file in files):
            found.setdefault(tuple(filter(decides, files)), commit)
    return list(found.values())


def decides(file: str) -> bool:
    """Whether what a commit names may change with this file, a line of `git ls-tree`."""
    at_the_top = "/" not in file.partition("\t")[2]
    return file.endswith((*RECORDS, *SETTINGS)) or (at_the_top and file.endswith(VALUES))


def git(*command: str) -> list[str]:
    """The lines that Git prints; PipelineError with its words if it fails."""
    try:
        done = subprocess.run(
            ["git", *command],
            capture_output=True,
            encoding="utf-8",
            errors="surrogateescape",  # file names may be any bytes
            check=False,
        )
    except OSError as error:
        raise PipelineError(f"git cannot be run ({error}). Nothing was dropped.") from None
    if done.returncode:
        raise PipelineError(
            f"git cannot list the commits: {done.stderr.strip()}. Nothing was dropped."
        )
    return done.stdout.splitlines()
