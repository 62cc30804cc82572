"""Share results with a team and fetch theirs: Git for what was run, DVC's remote for what came out.

Both go through the command lines of git and dvc, so that whatever works there works here, too.
"""

import json
import os
import subprocess
from pathlib import Path

from dvc.exceptions import DvcException
from dvc.repo import Repo
from dvc_data.hashfile.hash_info import HashInfo
from ruamel.yaml import YAML

from pipeline.engine import locks
from pipeline.errors import PipelineError

SETUP = "docs/team.md"


class TeamError(PipelineError):
    """Sharing or fetching cannot start or did not complete."""


def share(partial: bool = False) -> None:
    """Push the branch and all results it records; refuse to share what others could not use.

    partial: also if something that params.yaml asks for has not been run, such as a failing stage.
    """
    origin, remote = git_remote(), data_remote()
    locks.mend_all()
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


def fetch() -> None:
    """Pull the branch and the results it records, so that both engines have nothing to do."""
    origin, remote = git_remote(), data_remote()
    locks.mend_all()
    branch = current_branch()
    check_no_local_change_of("dvc.lock")
    git("fetch", "--quiet", origin)
    if not git("ls-remote", "--heads", origin, branch):
        print(f"Git  <- {origin}: has no branch {branch} yet; nothing to merge")
    else:
        fetch_results_of(f"{origin}/{branch}", remote)
        merge(f"{origin}/{branch}")
        print(f"Git  <- {origin}: branch {branch} at {git('rev-parse', '--short', 'HEAD')}")
    wanted = not_in_cache()
    available = on_remote(remote, wanted)
    done = run("dvc", "pull", "--run-cache", "--force")
    if done.returncode:
        report_lost(remote, available, done)
    if unfinished := never_run():
        print(f"Data <- {remote}: all that was run. Not yet: {', '.join(unfinished)}")
        print("Next: snakemake --cores all")
    else:
        print(f"Data <- {remote}: {last_line(done.stdout)}")


def fetch_results_of(theirs: str, remote: str) -> None:
    """Into the cache, before a merge: afterwards dvc.lock may no longer name all of them."""
    if run("git", "merge-base", "--is-ancestor", "HEAD", theirs).returncode == 0:
        return  # no merge, so `dvc pull` will find them all
    recorded = run("git", "show", f"{theirs}:dvc.lock")
    if recorded.returncode:
        return  # nothing has been run there yet
    entries = YAML(typ="safe").load(recorded.stdout)["stages"].values()
    outputs = [out for entry in entries for out in entry.get("outs", [])]
    available = on_remote(remote, {out["path"]: out["md5"] for out in outputs})
    with Repo() as repo:
        try:
            repo.stage_cache.pull(remote)
            repo.cloud.pull(
                [HashInfo("md5", out["md5"]) for out in outputs if out["path"] in available],
                remote=remote,
            )
        except Exception as error:  # every kind of remote raises errors of a library of its own
            raise unreadable(remote, error) from None


def unreadable(remote: str, error: Exception) -> TeamError:
    words = meaning(str(error) or type(error).__name__)
    return TeamError(f"the remote {remote} cannot be read; nothing was lost.\n{words}")


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


def check_no_local_change_of(name: str) -> None:
    if git("status", "--porcelain", "--", name):
        raise TeamError(
            f"{name} has changes that are not committed; fetching could mix them with the team's.\n"
            'Commit them first: git add --all && git commit --message "what you tried"'
        )


def merge(theirs: str) -> None:
    done = run("git", "merge", "--quiet", "--no-edit", theirs)
    if done.returncode == 0:
        return
    conflicts = git("diff", "--name-only", "--diff-filter=U").split()
    if not conflicts:
        raise TeamError(f"git could not merge {theirs}:\n{done.stdout}{done.stderr}".rstrip())
    others = [name for name in conflicts if name not in GENERATED]
    steps = (
        [f"edit {', '.join(others)} by hand, then: git add {' '.join(others)}"] if others else []
    )
    generated = [name for name in conflicts if name in GENERATED]
    if generated:
        steps.append(
            f"git checkout --ours {' '.join(generated)}   # never edit them: they are made"
        )
    steps += [
        "snakemake --cores all   # takes both sides' results from the cache",
        "git add --all && git commit --no-edit",
    ]
    raise TeamError(
        f"both sides changed {', '.join(conflicts)}. The way out ({SETUP}, or back: git merge --abort):\n  "
        + "\n  ".join(steps)
    )


# What the engines write and Git keeps; either side's version will do, the next run makes it right.
GENERATED = ("dvc.lock", "results/table.md", "results/summary.json", "results/total.txt")


def not_in_cache() -> dict[str, str]:
    """Results that dvc.lock records and this folder's cache lacks: path -> checksum."""
    with Repo() as repo:
        cache = repo.cache.local
        return {path: oid for path, oid in outputs_recorded(repo).items() if not cache.exists(oid)}


def not_in_folder() -> list[str]:
    """Results that dvc.lock records and that are not here."""
    with Repo() as repo:
        return [path for path in outputs_recorded(repo) if not Path(path).exists()]


def outputs_recorded(repo: Repo) -> dict[str, str]:
    return {
        os.path.relpath(out.fs_path): out.hash_info.value
        for out in repo.index.outs
        if out.use_cache and out.hash_info
    }


def never_run() -> list[str]:
    """Stages that dvc.lock does not know."""
    with Repo() as repo:
        return sorted(
            stage.addressing
            for stage in repo.index.stages
            if any(out.use_cache and not out.hash_info for out in stage.outs)
        )


def on_remote(remote: str, wanted: dict[str, str]) -> set[str]:
    """The paths whose checksum the remote has an object for, whatever that holds.

    Not by `dvc status --cloud`: with `verify` that deletes tampered objects and calls them missing.
    """
    if not wanted:
        return set()
    with Repo() as repo:
        try:
            odb = repo.cloud.get_remote_odb(remote)
            there = odb.fs.exists([odb.oid_to_path(oid) for oid in wanted.values()])
        except Exception as error:  # every kind of remote raises errors of a library of its own
            raise unreadable(remote, error) from None
    return {path for path, exists in zip(wanted, there, strict=True) if exists}


def report_lost(remote: str, available: set[str], pulled: subprocess.CompletedProcess[str]) -> None:
    """Name the files that are not here after `dvc pull` and say what became of them."""
    lines = []
    for path, checksum in sorted(not_in_cache().items()):
        fate = (
            f"refused; what {remote} held under its checksum was something else (tampered with, or "
            "damaged)"
            if path in available
            else f"was never pushed to {remote}"
        )
        lines.append(f"{path}: {fate}. {who_can_push(checksum)}")
    if not lines and never_run() and not not_in_folder():
        return  # DVC fails if anything in dvc.yaml has no result yet
    if not lines:
        raise TeamError(f"dvc pull failed:\n{explained(pulled)}")
    raise TeamError(
        "\n  ".join([f"{len(lines)} file(s) could not be fetched, the others are here:", *lines])
        + "\nOr make them here: snakemake --cores all"
    )


def who_can_push(checksum: str) -> str:
    """Who recorded it, so has it in the cache most likely."""
    log = run("git", "log", "-1", "--format=%an <%ae>, %cs", f"-S{checksum}", "--", "dvc.lock")
    if git("rev-parse", "--is-shallow-repository") == "true":
        return "Who recorded it is not in this shallow clone: git fetch --unshallow"
    if log.returncode == 0 and log.stdout.strip():
        return f"{log.stdout.strip()} recorded it and can push it: make share"
    return "Whoever recorded it can push it: make share"


def current_branch() -> str:
    done = run("git", "symbolic-ref", "--quiet", "--short", "HEAD")
    if done.returncode:
        raise TeamError("no branch is checked out. Make one first: git switch --create NAME")
    return done.stdout.strip()


def git_remote() -> str:
    done = run("git", "remote")
    if done.returncode:
        raise TeamError("this folder is not a Git repository; clone the team's one (git clone URL)")
    names = done.stdout.split()
    if not names:
        raise TeamError(
            "Git has no remote to share through. Add one: git remote add origin URL\n"
            f"How to set up a team: {SETUP}"
        )
    return "origin" if "origin" in names else names[0]


def data_remote() -> str:
    """The name of DVC's default remote; a folder has to exist, or DVC would make a new, empty one."""
    try:
        with Repo() as repo:
            name = repo.config["core"].get("remote", "")
            url = repo.config["remote"].get(name, {}).get("url", "")
    except DvcException as error:
        raise TeamError(str(error)) from None
    if not name:
        raise TeamError(
            "DVC has no remote for the results. Add one: dvc remote add --default team URL\n"
            f"(a folder, ssh://... or s3://...); how to set it up: {SETUP}"
        )
    if "://" not in url and not Path(url).is_dir():
        raise TeamError(
            f"the remote {name} is the folder {url}, which is not there. If it is on a disk or share, "
            f"connect it; if it is new, make it once: mkdir -p '{url}'"
        )
    return name


def dvc(*arguments: str, remote: str = "") -> str:
    """What `dvc` prints; TeamError with its reason if it fails. `remote`: the one that it talks to."""
    done = run("dvc", *arguments)
    if done.returncode:
        where = f" with the remote {remote}" if remote else ""
        raise TeamError(f"dvc {arguments[0]}{where} failed; nothing was lost.\n{explained(done)}")
    return done.stdout.strip()


def explained(done: subprocess.CompletedProcess[str]) -> str:
    lines = [line for line in done.stderr.splitlines() if line.strip()]
    lost = [line for line in lines if "failed to transfer" in line]
    said = [line for line in lines if line not in lost and not line.startswith(CHATTER)]
    return meaning("\n".join([*lost[:1], *said]))  # they differ in the file only


def meaning(words: str) -> str:
    """`words` of an error and what to do about it, if that is known."""
    for sign, advice in SIGNS:
        if sign.lower() in words.lower():
            return f"{words}\n{advice}"
    return words


CHATTER = "Having any troubles?"
FULL = (
    "There is no room left: make some and run the same command again. What has arrived there stays; the "
    "branch is pushed when all data are."
)
# (what stands in the error, what to do)
SILENCE = "Nobody answers there: is the address right, the server up, the VPN on?"
SIGNS = (
    ("acquire lock", "Another dvc command is at work in this folder; run again when it is done."),
    ("No space left", FULL),
    ("quota exceeded", FULL),
    ("File too large", FULL),
    ("Read-only file system", "There is no right to write there."),
    ("Not a directory", "A file stands where the remote's folder should be: is the address right?"),
    ("requires 'dvc-", f"Install what this kind of remote needs: {SETUP}"),
    ("is supported, but requires", f"Install what this kind of remote needs: {SETUP}"),
    ("Permission denied", f"Wrong user, key or password? See {SETUP}."),
    ("Unable to find AWS credentials", f"Give DVC your key: {SETUP}, S3."),
    ("Unable to locate credentials", f"Give DVC your key: {SETUP}, S3."),
    ("InvalidAccessKeyId", f"The key is not known there: {SETUP}, S3."),
    ("SignatureDoesNotMatch", f"The secret does not fit the key: {SETUP}, S3."),
    ("Forbidden", f"This key may not do that: {SETUP}, S3."),
    ("Connection refused", SILENCE),
    ("Connect call failed", SILENCE),
    ("Could not connect", SILENCE),
    ("timed out", SILENCE),
    ("Name or service not known", SILENCE),
)


def git(*arguments: str) -> str:
    done = run("git", *arguments)
    if done.returncode:
        raise TeamError(f"git {arguments[0]} failed; nothing was lost.\n{done.stderr.strip()}")
    return done.stdout.rstrip()


def run(*command: str) -> subprocess.CompletedProcess[str]:
    # never asks for a password in the background, where nobody sees the question
    quiet = {"GIT_TERMINAL_PROMPT": "0", "DVC_NO_ANALYTICS": "1"}
    return subprocess.run(
        command, capture_output=True, text=True, check=False, env=os.environ | quiet
    )


def last_line(said: str) -> str:
    return said.strip().splitlines()[-1] if said.strip() else "nothing new"
