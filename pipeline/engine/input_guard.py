"""Fail a stage whose inputs were changed while it ran.

DVC takes the checksums that it records after the command. A value of params.yaml that is changed
during an hour's training would be recorded with a model that never saw it.
"""

import hashlib
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML

from pipeline.engine import processes
from pipeline.errors import PipelineError
from pipeline.io.files import reading
from pipeline.io.nesting import check_nesting

PARAMS = Path("params.yaml")
CODE = Path("pipeline")


class InputError(PipelineError):
    """What a stage read was changed while it ran."""


@dataclass(frozen=True)
class Snapshot:
    params: bytes | None  # None if there is no file that can be read
    code: dict[str, str | None]  # path -> checksum

    @classmethod
    def take(cls) -> "Snapshot":
        sources = {str(path): content_of(path) for path in sorted(CODE.rglob("*.py"))}
        digests = {
            path: None if content is None else hashlib.sha256(content).hexdigest()
            for path, content in sources.items()
        }
        return cls(content_of(PARAMS), digests)


def content_of(path: Path) -> bytes | None:
    """None if the file is gone, or cannot be read: an editor may be writing it."""
    try:
        return path.read_bytes()
    except OSError:
        return None


@contextmanager
def recorded_as_read() -> Iterator[None]:
    """Wrap a stage's work; InputError at its end. Outside DVC nothing is recorded, so nothing is checked."""
    stage = os.environ.get("DVC_STAGE")
    if stage is None or not PARAMS.is_file():
        yield
        return
    processes.end_with_starter()
    before = Snapshot.take()
    yield
    after = Snapshot.take()
    if after != before and (changed := changed_inputs(stage, before, after)):
        raise InputError(
            f"{', '.join(changed)} changed while {stage} ran. What it made belongs to the former "
            "content and is not recorded. Nothing is lost: change it back and run again, or just run "
            "again with what stands there now."
        )


def changed_inputs(stage: str, before: Snapshot, after: Snapshot) -> list[str]:
    """Keys of params.yaml and files of code that `stage` lists in dvc.yaml and that differ.

    All of params.yaml if that, or dvc.yaml, can no longer be read: then nobody knows.
    """
    from dvc.dependency import ParamsDependency
    from dvc.exceptions import DvcException
    from dvc.repo import Repo

    files = {
        path
        for path in before.code.keys() | after.code.keys()
        if before.code.get(path) != after.code.get(path)
    }
    if before.params != after.params:
        files.add(str(PARAMS))
    try:
        former, present = parsed(before), parsed(after)
        with Repo() as repo:
            listed = [entry for entry in repo.index.stages if entry.addressing == stage]
    except (InputError, DvcException):
        return [f"{PARAMS} (or dvc.yaml; one of them cannot be read now)"]
    found: list[str] = []
    for dep in [dep for entry in listed for dep in entry.deps]:
        if isinstance(dep, ParamsDependency):
            found += [
                f"{dep}:{key}"
                for key in dep.params
                if value_at(former, key) != value_at(present, key)
            ]
        else:
            where = Path(os.path.relpath(dep.fs_path))
            found += [file for file in files if Path(file).is_relative_to(where)]
    return sorted(found) if listed else [stage]


def parsed(shot: Snapshot) -> Any:
    """The params; InputError if they are gone or no YAML."""
    if shot.params is None:
        raise InputError(f"{PARAMS} cannot be read")
    with reading(PARAMS, "YAML file", InputError):
        check_nesting(shot.params)
        return YAML(typ="safe").load(shot.params)


def value_at(content: Any, key: str) -> Any:
    """Of a key such as runs.mnist.train; None if it is not there."""
    for part in key.split("."):
        if not isinstance(content, dict) or part not in content:
            return None
        content = content[part]
    return content
