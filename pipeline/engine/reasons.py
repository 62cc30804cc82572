"""Why a stage runs, in words: what DVC compared, with a parameter's old value beside its new one."""

import json
from collections.abc import Iterable, Iterator
from typing import Any

from dvc.dependency import ParamsDependency
from dvc.output import Output
from dvc.stage import PipelineStage

from pipeline.paths import CONTINUED

SHOWN = 3  # reasons on a line; the others are counted
LONGEST = 40  # characters of a value
MISSING = object()
NOWHERE = "not in cache"  # DVC's word for what is neither in its place nor in the cache


def own(stage: PipelineStage) -> str:
    """Of a stage that DVC finds changed, from `dvc.lock` against the folder."""
    if not any(dep.hash_info for dep in stage.deps):
        return "first run"
    found = [
        words for dep in stage.deps if isinstance(dep, ParamsDependency) for words in params(dep)
    ]
    read = fates(dep for dep in stage.deps if not isinstance(dep, ParamsDependency))
    made = fates(stage.outs)
    lost = made.keys() == {NOWHERE} and len(made[NOWHERE]) == len(stage.outs)
    if lost:
        # a clone of results that nobody pushed: what it reads is not there for the same reason
        read.pop("deleted", None)
    found += files(read)
    if stage.changed_stage():
        found.append("its command changed")
    found += ["its results are not here"] if lost else files(made)
    return listed(found, SHOWN) or "changed"


def after(stage: str, stale: Iterable[str]) -> str:
    """Of a stage that is unchanged itself, but reads what the `stale` ones make; names are DVC's."""
    key = stage.partition("@")[2]
    made_by = [
        name.removeprefix(CONTINUED).removesuffix(f"@{key}").replace("@", " ")
        for name in sorted(stale)
    ]
    return f"after {listed(made_by, SHOWN)}"


def params(dep: ParamsDependency) -> Iterator[str]:
    """Such as `steps 600 -> 400`; a value inside of a param is named by its path there."""
    old, new = dep.hash_info.value or {}, dep.read_params()
    for param in dep.params:
        before, now = old.get(param, MISSING), new.get(param, MISSING)
        last = param.rpartition(".")[2]
        changes = list(differences(before, now))
        yield from (f"{'.'.join(path) or last} {words}" for path, words in changes)


def differences(old: Any, new: Any, path: tuple[str, ...] = ()) -> Iterator[tuple[tuple, str]]:
    """Paths of the values that differ, each with what happened to it."""
    if isinstance(old, dict) and isinstance(new, dict):
        for key in dict.fromkeys([*new, *old]):
            yield from differences(old.get(key, MISSING), new.get(key, MISSING), (*path, str(key)))
    elif old is MISSING and new is not MISSING:
        yield path, "added" if isinstance(new, dict) else f"set to {shown(new)}"
    elif new is MISSING and old is not MISSING:
        yield path, "removed" if isinstance(old, dict) else f"no longer {shown(old)}"
    elif old != new:
        yield path, f"{shown(old)} -> {shown(new)}"


def shown(value: Any) -> str:
    text = value if isinstance(value, str) else json.dumps(value, default=str)
    return text if len(text) <= LONGEST else f"{text[: LONGEST - 3]}..."


def fates(outs: Iterable[Output]) -> dict[str, list[str]]:
    """What DVC says -> the files and folders that differ so from what `dvc.lock` says."""
    found: dict[str, list[str]] = {}
    for out in outs:
        for path, fate in out.status().items():
            found.setdefault(fate, []).append(path)
    return found


def files(found: dict[str, list[str]]) -> Iterator[str]:
    """Those with the same fate together."""
    words = {"modified": "changed", "deleted": "missing", "new": "new"}
    for fate, paths in found.items():
        yield f"{listed(paths, SHOWN)} {words.get(fate, fate)}"


def listed(words: list[str], most: int) -> str:
    more = f" and {len(words) - most} more" if len(words) > most else ""
    return ", ".join(words[:most]) + more
