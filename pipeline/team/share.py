"""make share: Git carries what was run, DVC's remote what came out; refused is what others could not use."""

import json
import urllib.parse

from dvc.repo import Repo

from pipeline.config import params
from pipeline.engine import repair
from pipeline.team.private import private_files, why
from pipeline.team.remotes import (
    TeamError,
    current_branch,
    data_remote,
    dvc,
    git,
    git_remote,
    last_line,
    outputs_recorded,
    run,
)


def share(partial: bool = False, all_data: bool = False) -> None:
    """Push the branch and the results it records; refuse to share what others could not use.

    partial: also if something that params.yaml asks for has not been run, such as a failing stage.
    all_data: also files that show images of a dataset that may not be passed on.
    """
    origin, remote = git_remote(), data_remote()
    repair.mend_all()
    branch = current_branch()
    if not partial:
        check_recorded()
    check_committed()
    check_no_secrets()
    check_not_behind(origin, branch)
    # Data first: nobody then finds a commit whose results are not there yet.
    said = push_results(remote, all_data)
    pushed = run("git", "push", "--quiet", "--set-upstream", origin, branch)
    if pushed.returncode:
        check_not_behind(origin, branch)  # somebody may have pushed meanwhile
        raise TeamError(
            f"git push failed; the data are there.\n{pushed.stderr.strip()}\n"
            f"If you may not push there, name a repository of your own: git remote set-url {origin} URL"
        )
    revision = git("rev-parse", "--short", "HEAD")
    print(f"Data -> {remote}: {said}")
    print(f"Git  -> {origin}: branch {branch} at {revision}")
    print("The team gets both with: make fetch")


def push_results(remote: str, all_data: bool) -> str:
    """Send what the remote lacks; the last line that DVC says, or what was left here."""
    content = params.load()
    private = {} if all_data else private_files(content)
    with Repo() as repo:
        recorded = list(outputs_recorded(repo))
    kept = [path for path in recorded if path in private]
    sent = [path for path in recorded if path not in private]
    if kept:
        reason = why(content, {private[path] for path in kept})
        print(
            f"Data -> {remote}: {len(kept)} file(s) stay here, because they show images of {reason}: "
            f"{', '.join(kept)}\n  Whoever has these images makes the files: snakemake --cores all. To send them "
            "all the same: python -m pipeline share --all-data (docs/team.md)"
        )
    if not sent:
        return "nothing to send"
    print(f"Data -> {remote}: sending what it lacks ...", flush=True)
    # without names DVC sends all outputs
    names = sent if kept else []
    return last_line(dvc("push", "--run-cache", *names, remote=remote, watched=True))


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


# settings of DVC's remotes that open an account
SECRETS = (
    "password", "passphrase", "secret_access_key", "session_token", "account_key", "sas_token", "client_secret",
    "connection_string", "oss_key_secret", "sse_customer_key", "gdrive_client_secret", "token",
)  # fmt: skip


def check_no_secrets() -> None:
    """Whoever gets the branch gets `.dvc/config`: a password in it would be shared."""
    with Repo() as repo:
        remotes = repo.config.load_one("repo").get("remote", {})
    for name, settings in remotes.items():
        found = [key for key in settings if key in SECRETS]
        if urllib.parse.urlsplit(settings.get("url", "")).password:
            found.append("url")
        if found:
            raise TeamError(
                f".dvc/config gives {', '.join(found)} of the remote {name}, and Git would share it with everybody "
                f"who gets the branch. Keep it in .dvc/config.local, which Git ignores:\n"
                f"  dvc remote modify --local {name} {found[0]} VALUE && dvc remote modify --unset {name} {found[0]}\n"
                "Then commit, and change the secret: commits that have it keep it"
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
