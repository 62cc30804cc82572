"""make share: Git carries what was run, DVC's remote what came out; refused is what others could not use."""

import json

from pipeline.engine import repair
from pipeline.team.remotes import (
    TeamError,
    current_branch,
    data_remote,
    dvc,
    git,
    git_remote,
    last_line,
    run,
)


def share(partial: bool = False) -> None:
    """Push the branch and all results it records; refuse to share what others could not use.

    partial: also if something that params.yaml asks for has not been run, such as a failing stage.
    """
    origin, remote = git_remote(), data_remote()
    repair.mend_all()
    branch = current_branch()
    if not partial:
        check_recorded()
    check_committed()
    check_not_behind(origin, branch)
    # Data first: nobody then finds a commit whose results are not there yet.
    said = dvc("push", "--run-cache", remote=remote)
    git("push", "--quiet", "--set-upstream", origin, branch)
    revision = git("rev-parse", "--short", "HEAD")
    print(f"Data -> {remote}: {last_line(said)}")
    print(f"Git  -> {origin}: branch {branch} at {revision}")
    print("The team gets both with: make fetch")


def check_recorded() -> None:
    """Results that dvc.lock does not describe would never leave this machine."""
    status = json.loads(dvc("status", "--json"))
    if status:
        raise TeamError(
            f"not everything that params.yaml asks for has been run: {', '.join(status)}.\n"
            "Run it first: snakemake --cores all. Or share all the rest: python -m pipeline share --partial"
        )


def check_committed() -> None:
    changes = git("status", "--porcelain")
    if changes:
        raise TeamError(
            f"changes that Git does not know yet:\n{changes}\n"
            'Commit them first: git add --all && git commit --message "what you tried"'
        )


def check_not_behind(origin: str, branch: str) -> None:
    git("fetch", "--quiet", origin)
    theirs = f"{origin}/{branch}"
    if run("git", "rev-parse", "--quiet", "--verify", theirs).returncode:
        return  # a new branch
    if run("git", "merge-base", "--is-ancestor", theirs, "HEAD").returncode:
        raise TeamError(
            f"{theirs} has commits that this folder does not have. Fetch them first: make fetch"
        )
