"""What was recorded here, at a commit, branch or tag, or in an experiment of DVC; nothing is checked out."""

import hashlib
import json
import subprocess
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML

from pipeline import paths
from pipeline.config.explain import close_to
from pipeline.config.params import listed, read
from pipeline.errors import DataError, PipelineError
from pipeline.io.files import reading
from pipeline.io.nesting import check_nesting
from pipeline.report.recorded import LOCKFILE, Recorded, of_this_folder, parse, unfinished

HERE = "here"
# Git's names below refs/exps that are DVC's own notes, not experiments
NOTES = ("refs/exps/exec/", "refs/exps/apply/", "refs/exps/stash", "refs/exps/celery/")


class UnknownRevision(PipelineError):
    """A name is no revision of Git and no experiment."""


@dataclass(frozen=True)
class Place:
    """The folder as it is, or as it was at a commit."""

    name: str  # as the user wrote it
    commit: str  # empty for the folder as it is

    @cached_property
    def recorded(self) -> Recorded:
        """What its dvc.lock says of what its params.yaml names; DataError if nothing had been run."""
        if not self.commit:
            return of_this_folder().asked_for(self.params)
        content = shown(self.commit, LOCKFILE)
        if content is None:
            raise DataError(f"{self.name} has no {LOCKFILE}: nothing had been run there")
        recorded = parse(content, f"{LOCKFILE} at {self.name}")
        return recorded.asked_for(self.params) if self.params else recorded

    @cached_property
    def params(self) -> dict[str, Any]:
        """Its params.yaml, not validated: it may be one of an earlier version."""
        if not self.commit:
            return read(paths.PARAMS)
        try:
            with reading(paths.PARAMS, "YAML file"):
                text = shown(self.commit, str(paths.PARAMS)) or b""
                check_nesting(text)
                content = YAML(typ="safe").load(text)
        except DataError:
            content = None
        return content if isinstance(content, dict) else {}

    @property
    def runs(self) -> list[str]:
        """Those of its params.yaml; of dvc.lock where that cannot be read."""
        return [name for _, name, _ in listed(self.params)] or self.recorded.trained

    def stale(self, run: str) -> str | None:
        """Why the results of `run` are not those of params.yaml; None if they are, as far as dvc.lock tells."""
        try:
            return unfinished(run, self.params, self.recorded, lambda path: True)
        except (
            KeyError,
            TypeError,
            StopIteration,
        ):  # no such run in params.yaml any more, or another format
            return None

    def scores(self, run: str) -> dict[str, Any] | None:
        """The numbers that dvc.lock records for `run`; None if it records none; DataError if they are lost."""
        path = str(paths.Run(run).scores)
        md5 = self.recorded.outs().get(path)
        if md5 is None:
            return None
        content = self.content(path, run, md5)
        if content is None:
            raise DataError(
                f"{path} of {self.name} is not in DVC's cache here (MD5 {md5}). Next: dvc fetch "
                "--all-commits (for an experiment: dvc exp pull REMOTE NAME)"
            )
        with reading(Path(path), "JSON file"):
            return json.loads(content)

    def content(self, path: str, run: str, md5: str) -> bytes | None:
        """The bytes with this MD5: of the folder, of its or Git's summary of all scores, or of DVC's cache."""
        try:
            found = Path(path).read_bytes()
            if digest(found) == md5:
                return found
        except OSError:
            pass
        summary = (
            shown(self.commit, str(paths.SUMMARY)) if self.commit else of_folder(paths.SUMMARY)
        )
        try:  # the scores as their stage writes them
            found = (json.dumps(json.loads(summary or b"{}")[run], indent=2) + "\n").encode()
            if digest(found) == md5:
                return found
        except (ValueError, KeyError, TypeError):
            pass
        return cached(md5)


def here() -> Place:
    return Place(HERE, "")


def at(name: str) -> Place:
    """The commit that `name` means: a revision of Git, or an experiment by its name."""
    found = git("rev-parse", "--verify", "--quiet", "--end-of-options", f"{name}^{{commit}}")
    if found:
        return Place(name, found.decode().strip())
    known = experiments()
    if name in known:
        return Place(name, known[name])
    listed = f" Experiments: {', '.join(known)}." if known else ""
    raise UnknownRevision(
        f"{name!r} is no run of {paths.PARAMS}, no revision of Git and no experiment of DVC"
        f"{close_to(name, known)}.{listed}"
    )


def experiments() -> dict[str, str]:
    """Name -> commit; of two with the same name the newer one."""
    lines = git(
        "for-each-ref", "--sort=committerdate", "--format=%(refname) %(objectname)", "refs/exps"
    )
    pairs = [line.split() for line in (lines or b"").decode().splitlines()]
    return {ref.rpartition("/")[2]: commit for ref, commit in pairs if not ref.startswith(NOTES)}


def of_folder(path: Path) -> bytes | None:
    return path.read_bytes() if path.is_file() else None


def shown(commit: str, path: str) -> bytes | None:
    """A file at a commit, relative to this folder; None if it is not in Git."""
    return git("show", f"{commit}:./{path}")


def git(*arguments: str) -> bytes | None:
    """What Git prints; None if it refuses, or this is no repository."""
    try:
        done = subprocess.run(["git", *arguments], capture_output=True, check=False)
    except FileNotFoundError:
        return None
    return done.stdout if done.returncode == 0 else None


def cached(md5: str) -> bytes | None:
    """An object of DVC's cache; None if it is not there; DataError if it holds something else."""
    from dvc.exceptions import DvcException
    from dvc.repo import Repo

    try:
        with Repo() as repo:
            path = Path(repo.cache.local.oid_to_path(md5))
    except DvcException as error:
        raise DataError(str(error)) from None
    try:
        found = path.read_bytes()
    except FileNotFoundError:
        return None
    if digest(found) != md5:
        raise DataError(
            f"{path} is damaged. Delete it, then: dvc fetch --all-commits (or run again)"
        )
    return found


def digest(content: bytes) -> str:
    return hashlib.md5(content, usedforsecurity=False).hexdigest()
