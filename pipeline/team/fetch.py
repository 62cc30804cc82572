"""make fetch: the team's branch from Git, and the results that it records from DVC's remote."""

import os
import shlex
import subprocess
from pathlib import Path

import yaml
from dvc.exceptions import DvcException
from dvc.repo import Repo
from dvc_data.hashfile.hash_info import HashInfo

from pipeline.config import params
from pipeline.engine import repair
from pipeline.io.files import reading
from pipeline.io.nesting import check_nesting
from pipeline.team.private import private_files, why
from pipeline.team.remotes import (
    SETUP,
    TeamError,
    current_branch,
    data_remote,
    explained,
    git,
    git_remote,
    last_line,
    meaning,
    outputs_recorded,
    run,
    run_watched,
)


def fetch() -> None:
    """Pull the branch and the results it records, so that both engines have nothing to do."""
    origin, remote = git_remote(), data_remote()
    repair.mend_all()
    branch = current_branch()
    check_no_local_change_of("dvc.lock")
    git("fetch", "--quiet", origin)
    check_nothing_is_overwritten(f"{origin}/{branch}")
    if not git("ls-remote", origin, f"refs/heads/{branch}"):
        print(f"Git  <- {origin}: has no branch {branch} yet; nothing to merge")
    else:
        fetch_results_of(f"{origin}/{branch}", remote)
        merge(f"{origin}/{branch}", generated())
        print(f"Git  <- {origin}: branch {branch} at {git('rev-parse', '--short', 'HEAD')}")
    print(f"Data <- {remote}: fetching what is not here ...", flush=True)
    wanted = not_in_cache()
    available = on_remote(remote, wanted)
    done = run_watched("dvc", "pull", "--run-cache", "--force")
    if done.returncode:
        report_lost(remote, available, done)
    if unfinished := never_run():
        print(f"Data <- {remote}: all that was run. Not yet: {', '.join(unfinished)}")
        print("Next: snakemake --cores all")
    else:
        print(f"Data <- {remote}: {last_line(done.stdout)}")


def fetch_results_of(theirs: str, remote: str) -> None:
    """Pull into the cache, before a merge: afterwards dvc.lock may no longer name all of them."""
    if run("git", "merge-base", "--is-ancestor", "HEAD", theirs).returncode == 0:
        return  # no merge, so `dvc pull` will find them all
    outputs = outputs_of(theirs)
    if not outputs:
        return  # nothing has been run there yet
    available = on_remote(remote, outputs)
    with Repo() as repo:
        try:
            repo.stage_cache.pull(remote)
            repo.cloud.pull(
                [HashInfo("md5", md5) for path, md5 in outputs.items() if path in available],
                remote=remote,
            )
        except Exception as error:  # every kind of remote raises errors of a library of its own
            raise unreadable(remote, error) from None


def outputs_of(theirs: str) -> dict[str, str]:
    """Path -> checksum, of what dvc.lock of a branch records; TeamError if it is damaged there."""
    recorded = run("git", "show", f"{theirs}:./dvc.lock")
    if recorded.returncode:
        return {}
    with reading(
        Path(f"{theirs}:dvc.lock"),
        "lock file of DVC",
        TeamError,
        "Nothing was fetched. Whoever pushed it mends it with: make mend",
    ):
        check_nesting(recorded.stdout)
        stages = (yaml.load(recorded.stdout, Loader=yaml.CSafeLoader) or {}).get("stages", {})
        outs = [out for entry in stages.values() for out in entry.get("outs", [])]
        return {out["path"]: out["md5"] for out in outs}


def unreadable(remote: str, error: Exception) -> TeamError:
    words = meaning(str(error) or type(error).__name__)
    return TeamError(f"the remote {remote} cannot be read; nothing was lost.\n{words}")


def check_no_local_change_of(name: str) -> None:
    if git("status", "--porcelain", "--", name):
        raise TeamError(
            f"{name} has changes that are not committed; fetching could mix them with the team's.\n"
            'Commit them first: git add --all && git commit --message "what you tried"'
        )


def check_nothing_is_overwritten(theirs: str) -> None:
    """TeamError if a result here is recorded nowhere and another one would take its place, or none: `dvc pull`
    deletes what dvc.lock does not know."""
    coming = outputs_of(theirs)
    lost = []
    with Repo() as repo:
        for out in repo.index.outs:
            path = os.path.relpath(out.fs_path)
            expected = {coming.get(path), out.hash_info.value if out.hash_info else None} - {None}
            if not out.use_cache or not out.exists:
                continue
            if not expected and not all(other.exists for other in out.stage.outs):
                continue  # what a kill has left of a stage that never came to its end
            here = out.get_hash().value
            if here not in expected and not repo.cache.local.exists(here):
                lost.append(path)
    if lost:
        raise TeamError(
            f"{len(lost)} result(s) here are recorded nowhere, and fetching would overwrite or delete them: "
            f"{', '.join(lost[:5])}{', ...' if len(lost) > 5 else ''}\n"
            "Nothing was fetched. To keep them, copy them elsewhere, or record them: dvc commit, then git commit.\n"
            f"To drop them: rm -r {lost[0]}"
        )


def generated() -> list[str]:
    """Files in Git that the engines write: dvc.lock, and outputs that dvc.yaml gives `cache: false`.

    After a conflict either side's version will do, because the next run makes it right.
    """
    try:
        with Repo() as repo:
            uncached = [out.fs_path for out in repo.index.outs if not out.use_cache]
    except DvcException as error:
        raise TeamError(f"{error}\nNothing was merged; mend that first.") from None
    return ["dvc.lock", *sorted(map(os.path.relpath, uncached))]


def merge(theirs: str, made: list[str]) -> None:
    """Merge the branch `theirs`; TeamError with the way out of a conflict. `made`: see generated()."""
    done = run("git", "merge", "--quiet", "--no-edit", theirs)
    if done.returncode == 0:
        return
    names = git("diff", "--name-only", "-z", "--diff-filter=U").split("\0")
    conflicts = [shlex.quote(name) for name in names if name]
    if not conflicts:
        raise TeamError(f"git could not merge {theirs}:\n{done.stdout}{done.stderr}".rstrip())
    others = [name for name in conflicts if name not in made]
    steps = (
        [f"edit {', '.join(others)} by hand, then: git add {' '.join(others)}"] if others else []
    )
    if ours := [name for name in conflicts if name in made]:
        steps.append(f"git checkout --ours {' '.join(ours)}   # the next run makes them right")
    steps += [
        "snakemake --cores all   # takes both sides' results from the cache",
        "git add --all && git commit --no-edit",
    ]
    raise TeamError(
        f"both sides changed {', '.join(conflicts)}. The way out ({SETUP}, or back: git merge --abort):\n  "
        + "\n  ".join(steps)
    )


def not_in_cache() -> dict[str, str]:
    """Results that dvc.lock records and this folder's cache lacks: path -> checksum."""
    with Repo() as repo:
        cache = repo.cache.local
        return {path: oid for path, oid in outputs_recorded(repo).items() if not cache.exists(oid)}


def not_in_folder() -> list[str]:
    """Results that dvc.lock records and that are not here."""
    with Repo() as repo:
        return [path for path in outputs_recorded(repo) if not Path(path).exists()]


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
    """Name the files that are not here after `dvc pull` and say what became of them.

    Files that may not be passed on are none of the lost ones.
    """
    lines = []
    content = params.load()
    missing, private = not_in_cache(), private_files(content)
    kept = sorted(missing.keys() & private.keys())
    if kept:
        reason = why(content, {private[path] for path in kept})
        print(
            f"Data <- {remote}: {len(kept)} file(s) stay with who made them, because they show images of {reason}: "
            f"{', '.join(kept)}\n  Whoever has these images makes the files: snakemake --cores all (docs/team.md)"
        )
    for path, checksum in sorted(missing.items()):
        if path in kept:
            continue
        fate = (
            f"refused; what {remote} held under its checksum was something else (tampered with, or "
            "damaged)"
            if path in available
            else f"was never pushed to {remote}"
        )
        lines.append(f"{path}: {fate}. {who_can_push(checksum)}")
    if not lines and (kept or never_run()) and not set(not_in_folder()) - set(kept):
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
