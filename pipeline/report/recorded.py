"""What dvc.lock records: with which settings each stage ran, what it read and what it made."""

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from pipeline.config.editing import differing
from pipeline.errors import DataError
from pipeline.io.files import has_data_remote, reading
from pipeline.io.nesting import check_nesting
from pipeline.paths import CONTINUED
from pipeline.report.settings import Flat, flat, text

LOCKFILE = "dvc.lock"
STAGES_OF_DATA = ("download", "normalize", "features")
STAGES_OF_RUN = ("train", "sample", "parzen", "metrics", "figures", "scores")
STAGE_OF_LIKELIHOODS = "likelihood"
NO_REMOTE = (
    "snakemake --cores all takes it from the cache or makes it again (no data remote to pull from)"
)
# of runs -> what the names of their stages begin with
GROUPS = {"runs": "", "continued": CONTINUED}


@dataclass(frozen=True)
class Entry:
    """One stage of dvc.lock."""

    params: dict[str, Any]  # key of params.yaml, such as runs.R.train -> value or block
    deps: dict[str, str]  # path -> MD5
    outs: dict[str, str]


@dataclass(frozen=True)
class Recorded:
    """One dvc.lock."""

    entries: dict[str, Entry] = field(default_factory=dict)

    def outs(self) -> dict[str, str]:
        """Path -> MD5 of all that any stage has made."""
        return {path: md5 for entry in self.entries.values() for path, md5 in entry.outs.items()}

    def settings(self, run: str) -> Flat:
        """With which settings the stages of `run` ran, and how its data were made; without the names."""
        found: Flat = {}
        for stage in STAGES_OF_RUN:
            for key, value in self.of(stage, run).params.items():
                group, section, rest = f"{key}..".split(".", 2)
                if group in GROUPS and section == run:
                    found |= flat({rest.rstrip("."): value})
        for stage in STAGES_OF_DATA:
            for key, value in self.of(stage, found.get("dataset", "")).params.items():
                _, _, inside = key.removeprefix("datasets.").partition(".")
                found |= flat({f"data.{inside}" if inside else "data": value})
        return found

    def of(self, stage: str, name: str) -> Entry:
        """The entry of a stage, empty if it has not run; the later one of a run that changed its group."""
        stages = {f"{prefix}{stage}@{name}" for prefix in GROUPS.values()}
        found = [entry for known, entry in self.entries.items() if known in stages]
        return found[-1] if found else Entry({}, {}, {})

    def asked_for(self, params: dict[str, Any]) -> "Recorded":
        """Without the stages of runs and datasets that `params`, the content of params.yaml, does not name: DVC keeps
        their entries."""

        def is_asked_for(entry: str) -> bool:
            stage, at, name = entry.partition("@")
            return not at or name in (params.get(group_of(stage)) or {})

        return Recorded(
            {entry: found for entry, found in self.entries.items() if is_asked_for(entry)}
        )

    @property
    def trained(self) -> list[str]:
        """Names of runs that were trained, continued or not."""
        stages = (name.partition("@") for name in self.entries)
        training = {f"{prefix}train" for prefix in GROUPS.values()}
        return [run for stage, _, run in stages if stage in training]


def group_of(stage: str) -> str:
    """The block of params.yaml that names what a stage is run for: a run may have the name of a dataset."""
    if stage in STAGES_OF_DATA:
        return "datasets"
    if stage == STAGE_OF_LIKELIHOODS:
        return "likelihoods"
    return "continued" if stage.startswith(CONTINUED) else "runs"


def of_this_folder() -> Recorded:
    """The folder's dvc.lock; empty if nothing has run."""
    path = Path(LOCKFILE)
    return parse(path.read_bytes(), str(path)) if path.is_file() else Recorded()


def parse(content: str | bytes, where: str) -> Recorded:
    """The content of a dvc.lock; DataError if it is none."""
    try:
        with reading(Path(where), "lock file of DVC"):
            check_nesting(content)
            stages = yaml.load(content, Loader=yaml.CSafeLoader)["stages"]
            return Recorded({name: entry(stage) for name, stage in stages.items()})
    except DataError:
        raise DataError(
            f"{where} is damaged or has merge markers. Mend it with: make mend "
            f"(or see docs/team.md for a merge), or take the one of Git: git checkout {where}"
        ) from None


def entry(stage: dict[str, Any]) -> Entry:
    """One entry of dvc.lock as it stands there."""
    deps, outs = (
        {each["path"]: each.get("md5", "") for each in stage.get(kind, [])}
        for kind in ("deps", "outs")
    )
    return Entry((stage.get("params") or {}).get("params.yaml", {}), deps, outs)


def unfinished(
    run: str, params: dict[str, Any], recorded: Recorded, exists: Callable[[str], bool]
) -> str | None:
    """Why results of `run` are not those of `params`, in a few words; None if they are.

    `params`: content of params.yaml; `exists`: whether a file is there. Changes of code are left to
    the engines, which hash it.
    """
    group = next(group for group in GROUPS if run in params.get(group, {}))
    dataset, outs = params[group][run]["dataset"], recorded.outs()
    for stage in (*STAGES_OF_DATA, *STAGES_OF_RUN):
        of_data = stage in STAGES_OF_DATA
        name = f"{stage}@{dataset}" if of_data else f"{GROUPS[group]}{stage}@{run}"
        if name not in recorded.entries:
            return f"{stage} has not run"
        found = recorded.entries[name]
        if changed := changed_settings(found.params, params):
            return f"{stage} ran with other settings: {', '.join(changed[:3])}"
        older = [path for path, md5 in found.deps.items() if outs.get(path, md5) != md5]
        if older:
            return f"{stage} is older than {older[0]}"
        missing = [path for path in found.outs if not exists(path)]
        if missing:
            step = "dvc checkout, or dvc pull" if has_data_remote() else NO_REMOTE
            return f"{missing[0]} is recorded but not here: {step}"
    return None


def changed_settings(before: dict[str, Any], params: dict[str, Any]) -> list[str]:
    """Settings of `before` that `params` has otherwise, such as "train.steps 600, now 400"."""
    found = []
    for key, value in before.items():
        now = lookup(params, key)
        for path in differing(value, now, key):
            inside = path.removeprefix(key).strip(".")
            old, new = lookup(value, inside), lookup(now, inside)
            found.append(f"{'.'.join(path.split('.')[2:])} {text(old)}, now {text(new)}")
    return found


def lookup(block: Any, key: str) -> Any:
    """The value at a dotted key; None if there is none."""
    for part in filter(None, key.split(".")):
        block = block.get(part) if isinstance(block, dict) else None
    return block
