"""Warn where a stage that a person runs by hand reads other data than dvc.lock records.

The engines restore such files, or make them again; by hand nobody else looks, and flipped bytes of an array
or a model are as good as any.
"""

import hashlib
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML

from pipeline.engine.lock_file import LOCKFILE
from pipeline.errors import DataError
from pipeline.io.files import reading
from pipeline.io.nesting import check_nesting
from pipeline.paths import CONTINUED

PARAMS, DAG = Path("params.yaml"), Path("dvc.yaml")
DATA = ("data", "results")


def warn_of_other_inputs(stage: str, name: str | None) -> None:
    """`name`: of the dataset, run or likelihood; None for a stage over all of them. Says nothing if nothing is recorded."""
    try:
        changed = list(other_inputs(stage, name))
    except DataError:  # no such files yet, or not in a state that tells
        return
    for path in changed:
        print(
            f"warning: {path} is not what {LOCKFILE} records: made by hand since, or damaged. What {stage} makes of "
            f"it is recorded nowhere. To get the recorded one: dvc checkout --force {path}",
            file=sys.stderr,
        )


def other_inputs(stage: str, name: str | None) -> Iterator[str]:
    """Files that the stage reads and that differ from what dvc.lock records; DataError if that cannot be told."""
    listed = inputs(stage, name)
    lock = content(LOCKFILE)
    with reading(LOCKFILE, "lock file of DVC"):
        outs = [out for entry in lock["stages"].values() for out in entry.get("outs", ())]
        recorded = {Path(out["path"]): out["md5"] for out in outs}
    for file, md5 in recorded.items():
        if any(file.is_relative_to(place) for place in listed) and file.is_file():
            with file.open("rb") as opened:
                if hashlib.file_digest(opened, "md5").hexdigest() != md5:
                    yield str(file)


def inputs(stage: str, name: str | None) -> set[str]:
    """Files and folders of data that dvc.yaml lists for a stage; DataError if it does not know the stage."""
    dag, params = content(DAG), content(PARAMS)
    with reading(DAG, "list of stages"):
        continued = name in (params.get("continued") or {})
        listed = dag["stages"].get(f"{CONTINUED}{stage}") if continued else None
        listed = listed or dag["stages"][stage]
        deps = listed.get("do", listed)["deps"]
        # of params.yaml: datasets, runs, continued, likelihoods
        group = listed.get("foreach", "").strip("${}")
        entry = params.get(group, {}).get(name, {})
        words = {"${key}": str(name)} | {f"${{item.{key}}}": str(entry[key]) for key in entry}
        for word, value in words.items():
            deps = [dep.replace(word, value) for dep in deps]
        return {dep for dep in deps if Path(dep).parts[0] in DATA}


def content(path: Path) -> Any:
    """Of a YAML file; DataError if it cannot be read."""
    with reading(path, "YAML file"):
        check_nesting(path.read_bytes())
        return YAML(typ="safe").load(path.read_bytes())
