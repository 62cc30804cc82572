"""make prune: list what uses disk space and is no longer needed, and delete it after a yes.

DVC's own garbage collector says which objects of the cache no kept commit names. Always kept are the
workspace, the experiments, every commit that is not on a Git remote yet (stashes and other worktrees' commits
too), and every result of a commit that no DVC remote holds. Nothing outside of the project is deleted, and no
link is followed.
"""

import contextlib
import logging
import math
import os
import shutil
import sys
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from stat import S_ISDIR

import yaml
from dvc.exceptions import DvcException
from dvc.repo import Repo

from pipeline.engine import locks, repair
from pipeline.errors import DataError, PipelineError
from pipeline.io import in_use
from pipeline.io.files import reading
from pipeline.io.nesting import check_nesting
from pipeline.team import commits

DAY_SECONDS = 86400
PLACES = (
    ("data", "datasets: raw, normalised, features"),
    ("results", "models, samples, measures, pictures"),
    (".dvc/cache/files", "every version of both that was ever made here"),
    (".dvc/cache/runs", "what each command gave for which inputs (brings old results back)"),
    (".dvc/tmp", "working copies of experiments; notes of this machine"),
    (".checkpoints", "trainings that were interrupted; they go on from there"),
    ("logs", "what stages and batch system said"),
    (".snakemake", "Snakemake's own notes and logs"),
    (".venv", "the environment"),
)


EXPERIMENTS = Path(".dvc/tmp/exps")  # folders of those that run apart
SWEPT = (".checkpoints", "logs", ".snakemake/log")  # old files in them are deleted


@dataclass(frozen=True)
class Waste:
    what: str
    paths: list[Path]

    @property
    def bytes(self) -> int:
        return sum(size(path) for path in self.paths)


KEPT = {
    "commits": "the workspace, experiments, all commits",
    "branches": "the workspace, experiments, tips of branches, tags, commits not pushed, results on no DVC remote",
    "workspace": "the workspace, experiments, commits not pushed, results on no DVC remote",
}


def run(keep: str, days: int, yes: bool) -> None:
    """`keep`: a key of KEPT. Logs and checkpoints count as old after `days`."""
    print(usage())
    with locks.take_snakemake_lock(wait=False), Repo() as repo, repo.lock:
        check_nobody_is_at_work()
        check_places_are_ours(repo)
        found = [waste for waste in (*cached(repo, keep), *old(days)) if waste.paths]
        kept = f"kept: {KEPT[keep]}; logs and checkpoints of {days} days"
        if not found:
            print(f"\nNothing to drop ({kept}).")
            return
        print(f"\nNot needed ({kept}):")
        for waste in found:
            print(f"  {human(waste.bytes):>9}  {len(waste.paths):,} {waste.what}")
        if not yes and not confirmed():
            print("Nothing was dropped.")
            return
        total = sum(waste.bytes for waste in found)
        for waste in found:
            drop(waste.paths)
        print(f"Dropped {human(total)}.")


def drop(paths: list[Path]) -> None:
    """Delete files and folders; a link is deleted itself, and what it leads to stays."""
    for path in paths:
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path)
        else:
            path.unlink(missing_ok=True)
    for parent in {path.parent for path in paths}:  # DVC stumbles over empty ones of its run-cache
        with contextlib.suppress(OSError):
            parent.rmdir()


def confirmed() -> bool:
    if not sys.stdin.isatty():
        print("Drop them with: make prune YES=1 (or python -m pipeline prune --yes)")
        return False
    try:
        return input("Drop them? [y/N] ").strip().lower() in ("y", "yes")
    except EOFError:  # Ctrl-D
        print()
        return False


def usage() -> str:
    """What lies where, and how much of it."""
    rows = [
        (human(size(Path(place))), place, what) for place, what in PLACES if Path(place).exists()
    ]
    return "\n".join(f"{bytes:>9}  {place:<17} {what}" for bytes, place, what in rows)


def size(path: Path) -> int:
    """Of a file or all files in a folder, as they lie on the disk; links are not followed."""
    files = [stat for stat in stats(path) if not S_ISDIR(stat.st_mode)]
    return sum(stat.st_blocks * 512 for stat in files)


def stats(path: Path) -> Iterator[os.stat_result]:
    """Of `path` and of all that is in it, links themselves; what a stage at work has removed meanwhile is left out."""
    inside = () if path.is_symlink() else os.walk(path)
    names = (Path(where, name) for where, *names in inside for name in chain(*names))
    for each in chain([path], names):
        with contextlib.suppress(FileNotFoundError):
            yield each.lstat()


def human(bytes: float) -> str:
    for unit in ("B", "KiB", "MiB"):
        if bytes < 1024:
            return f"{bytes:.0f} {unit}"
        bytes /= 1024
    return f"{bytes:.1f} GiB"


def check_nobody_is_at_work() -> None:
    """BusyError if a `dvc repro` is: at the end of its stage it waits three seconds for DVC's lock, which is held here
    while a person decides, and then gives up what the stage has made."""
    writers = repair.mend_busy_files()
    if writers:
        raise locks.BusyError(
            f"{' and '.join(sorted(set(writers.values())))} writes results in this folder; nothing was dropped. Prune "
            "when it is done (one that was killed on another machine: snakemake -n forgets it)"
        )


def check_places_are_ours(repo: Repo) -> None:
    """PipelineError if a place to delete from lies outside of the project, directly or through a link."""
    root = Path(repo.root_dir).resolve()
    cache = Path(repo.cache.local.path)
    for path in (cache, Path(repo.stage_cache.cache_dir)):
        if any(not each.resolve().is_relative_to(root) for each in (path, *path.glob("??"))):
            raise PipelineError(
                f"DVC's cache is {path.resolve()}, which other projects may use, too; nothing was dropped. What "
                "all of them need is known to: dvc gc --workspace --all-commits --projects FOLDER ..."
            )
    for name in SWEPT:
        if not Path(name).resolve().is_relative_to(root):
            raise PipelineError(
                f"{name} leads to {Path(name).resolve()}, outside of this project, where others may keep files, "
                "too; nothing was dropped. Remove what is old there by hand, or the link"
            )


def cached(repo: Repo, keep: str) -> Iterable[Waste]:
    """Objects of DVC's cache, and run-cache entries that name one of them or one already gone."""
    # DVC warns of each stage that an old commit had not run
    logging.getLogger("dvc").setLevel(logging.ERROR)
    odb = repo.cache.local
    objects = set(odb.all())
    try:
        needed = needed_objects(repo, keep)
        if keep != "commits":
            needed |= only_here(repo, objects - needed)
    except DvcException as error:
        said = str(error).splitlines()[0]
        raise PipelineError(
            f"DVC cannot tell which results the commits need: {said}. Nothing was dropped. If one old commit is "
            "to blame, `git log -- params.yaml dvc.yaml dvc.lock` lists those that changed these files"
        ) from None
    unneeded = sorted(objects - needed)
    yield Waste("results in DVC's cache", [Path(odb.oid_to_path(oid)) for oid in unneeded])
    runs = stale_runs(Path(repo.stage_cache.cache_dir), objects & needed)
    yield Waste("entries of its run-cache whose results are gone then", runs)


def needed_objects(repo: Repo, keep: str) -> set[str]:
    """Checksums of what is kept: that the kept commits name."""
    kept = {"all_branches": True, "all_tags": True} if keep == "branches" else {}
    found = named_by(repo, commits.not_pushed(), all_experiments=True, **kept) | named_at_work()
    return found | named_by(repo, commits.all_commits()) if keep == "commits" else found


def named_at_work() -> set[str]:
    """Checksums of what experiments have made that run in folders of their own (--temp, or from the queue).

    Until they end no commit names them.
    """
    found: set[str] = set()
    for lock in EXPERIMENTS.rglob("dvc.lock"):
        with Repo(str(lock.parent)) as experiment:
            used = experiment.used_objs(force=True)
            found |= {info.value for infos in used.values() for info in infos}
    return found


def named_by(repo: Repo, revisions: list[str], **more: bool) -> set[str]:
    """Checksums of what the workspace and these commits name. `more`: other commits, for DVC's `used_objs`.

    `force`: DVC cannot tell the files of a folder that is not here, such as those of a release whose results
    nobody pushed.
    """
    used = repo.used_objs(revs=commits.naming_results(revisions), force=True, **more)
    return {info.value for infos in used.values() for info in infos}


def only_here(repo: Repo, objects: set[str]) -> set[str]:
    """Those of `objects` that a commit names and no DVC remote holds, so that they would be lost."""
    at_risk = objects & named_by(repo, commits.all_commits())
    for name in repo.config["remote"]:
        if not at_risk:
            break
        try:
            remote = repo.cloud.get_remote_odb(name)
            at_risk -= set(remote.oids_exist(sorted(at_risk)))
        except Exception as error:  # of any storage's client
            said = f"{type(error).__name__}: {error}".splitlines()[0]
            print(f"The DVC remote {name} cannot be asked ({said}); what it may hold stays here.")
    return at_risk


def stale_runs(cache: Path, there: set[str]) -> list[Path]:
    """Entries some of whose outputs are no longer in the cache: DVC could not bring them back."""
    return [
        path
        for path in cache.glob("??/*/*")
        if any(
            out.get("md5") not in there for out in run_entry(path).get("outs", []) if out.get("md5")
        )
    ]


def run_entry(path: Path) -> dict:
    """One run of one stage in DVC's run cache: what it read and what it wrote; empty if it is damaged."""
    try:
        with reading(path, "entry of DVC's run-cache"):
            check_nesting(path.read_bytes())
            return dict(yaml.load(path.read_bytes(), Loader=yaml.CSafeLoader))
    except DataError:
        return {}


def old(days: int) -> Iterable[Waste]:
    limit = time.time() - days * DAY_SECONDS
    checkpoints = [
        path
        for path in Path(".checkpoints").glob("*")
        if newest(path) < limit and not in_use.is_used(path)
    ]
    yield Waste("checkpoints of trainings that nobody went on with", checkpoints)
    logs = [*Path("logs").rglob("*.log"), *Path(".snakemake/log").glob("*.log")]
    yield Waste("old logs", [path for path in logs if newest(path) < limit])


def newest(path: Path) -> float:
    """When anything in a folder was last changed, links themselves, not what they lead to."""
    return max((stat.st_mtime for stat in stats(path)), default=math.inf)
