"""make prune: list what uses disk space and is no longer needed, and delete it after a yes.

DVC's own garbage collector says which objects of the cache no kept commit names. It always
keeps the workspace, the experiments, and every commit that is not on a Git remote yet.
"""

import contextlib
import shutil
import subprocess
import sys
import time
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import yaml
from dvc.repo import Repo

from pipeline.engine import locks
from pipeline.errors import PipelineError

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


@dataclass(frozen=True)
class Waste:
    what: str
    paths: list[Path]

    @property
    def bytes(self) -> int:
        return sum(size(path) for path in self.paths)


KEPT = {
    "commits": "the workspace, experiments, all commits",
    "branches": "the workspace, experiments, tips of branches, tags, commits not pushed",
    "workspace": "the workspace, experiments, commits not pushed",
}


def run(keep: str, days: int, yes: bool) -> None:
    """`keep`: a key of KEPT. Logs and checkpoints count as old after `days`."""
    print(usage())
    with locks.take_snakemake_lock(wait=False), Repo() as repo, repo.lock:
        check_cache_is_ours(repo)
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
    for path in paths:
        shutil.rmtree(path) if path.is_dir() else path.unlink(missing_ok=True)
    for parent in {path.parent for path in paths}:  # DVC stumbles over empty ones of its run-cache
        with contextlib.suppress(OSError):
            parent.rmdir()


def confirmed() -> bool:
    if not sys.stdin.isatty():
        print("Drop them with: make prune YES=1 (or python -m pipeline prune --yes)")
        return False
    return input("Drop them? [y/N] ").strip().lower() in ("y", "yes")


def usage() -> str:
    """What lies where, and how much of it."""
    rows = [
        (human(size(Path(place))), place, what) for place, what in PLACES if Path(place).exists()
    ]
    return "\n".join(f"{bytes:>9}  {place:<17} {what}" for bytes, place, what in rows)


def size(path: Path) -> int:
    """Of a file or all files in a folder, as they lie on the disk; links are not followed."""
    if path.is_symlink() or not path.is_dir():
        return path.lstat().st_blocks * 512
    return sum(each.lstat().st_blocks * 512 for each in path.rglob("*") if not each.is_dir())


def human(bytes: float) -> str:
    for unit in ("B", "KiB", "MiB"):
        if bytes < 1024:
            return f"{bytes:.0f} {unit}"
        bytes /= 1024
    return f"{bytes:.1f} GiB"


def check_cache_is_ours(repo: Repo) -> None:
    path = Path(repo.cache.local.path)
    if not path.is_relative_to(Path(repo.root_dir) / ".dvc"):
        raise PipelineError(
            f"DVC's cache is {path}, which other projects may use, too; nothing was dropped. What all "
            "of them need is known to: dvc gc --workspace --all-commits --projects FOLDER ..."
        )


def cached(repo: Repo, keep: str) -> Iterable[Waste]:
    """Objects of DVC's cache, and run-cache entries that name one of them or one already gone."""
    odb = repo.cache.local
    objects = set(odb.all())
    needed = needed_objects(repo, keep)
    unneeded = sorted(objects - needed)
    yield Waste("results in DVC's cache", [Path(odb.oid_to_path(oid)) for oid in unneeded])
    runs = stale_runs(Path(repo.stage_cache.cache_dir), objects & needed)
    yield Waste("entries of its run-cache whose results are gone then", runs)


def needed_objects(repo: Repo, keep: str) -> set[str]:
    which = {
        "commits": {"all_commits": True, "all_tags": True},
        "branches": {"all_branches": True, "all_tags": True},
        "workspace": {},
    }[keep]
    unpushed = commits_not_pushed()
    used = [repo.used_objs(all_experiments=True, **which)]
    if unpushed:
        used.append(repo.used_objs(revs=unpushed))
    return {info.value for objects in used for infos in objects.values() for info in infos}


def commits_not_pushed() -> list[str]:
    """Of any branch, tag or stash; without a Git remote these are all."""
    here = ["--branches", "--tags", "HEAD"]
    if (
        subprocess.run(
            ["git", "rev-parse", "--quiet", "--verify", "refs/stash"], capture_output=True
        ).returncode
        == 0
    ):
        here.append("refs/stash")
    command = ["git", "rev-list", *here, "--not", "--remotes"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise PipelineError(
            f"git cannot list the commits: {done.stderr.strip()}. Nothing was dropped."
        )
    return done.stdout.split()


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
    """One run of one stage in DVC's run cache: what it read and what it wrote."""
    return yaml.load(path.read_bytes(), Loader=yaml.CSafeLoader)


def old(days: int) -> Iterable[Waste]:
    limit = time.time() - days * DAY_SECONDS
    checkpoints = [path for path in Path(".checkpoints").glob("*") if newest(path) < limit]
    yield Waste("checkpoints of trainings that nobody went on with", checkpoints)
    logs = [*Path("logs").rglob("*.log"), *Path(".snakemake/log").glob("*.log")]
    yield Waste("old logs", [path for path in logs if path.stat().st_mtime < limit])


def newest(path: Path) -> float:
    inside = [each.stat().st_mtime for each in path.rglob("*")] if path.is_dir() else []
    return max([path.stat().st_mtime, *inside])
