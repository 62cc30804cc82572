"""Runs that differ in one setting."""

import json
from typing import Any

from pipeline.claims.finding import NotRun
from pipeline.claims.project import Found, Project
from pipeline.config.models.gan.losses import is_critic
from pipeline.report.settings import flat

Groups = list[dict[Any, list[Found]]]


def varied(project: Project, key: str, *, pictures: bool | None = None) -> Groups:
    """Groups of GANs, whose D(x) is a probability, that differ in the setting `key` (dotted) and in their seed only: value -> runs,
    values rising.

    `pictures`: on pictures only, or on points only. NotRun if there is no group of two values.
    """
    groups: dict[str, dict[Any, list[Found]]] = {}
    for run in project.runs:
        if run.family != "gan" or is_critic(run.train.loss):
            continue
        if pictures is not None and run.data.is_picture != pictures:
            continue
        settings = flat(run.settings.model_dump(mode="json", exclude={"seed"}))
        value = plain(settings.pop(key))
        if value is None:
            continue
        groups.setdefault(json.dumps(settings), {}).setdefault(value, []).append(run)
    found = [dict(sorted(group.items())) for group in groups.values() if len(group) > 1]
    if not found:
        of = {None: "", True: " on pictures", False: " on points"}[pictures]
        raise NotRun(f"needs trained runs{of} that differ in {key} only")
    return found


def plain(value: Any) -> Any:
    """k of a schedule that never changes, None of one that does; other values as they are."""
    if isinstance(value, list):
        return value[0]["k"] if len(value) == 1 else None
    return value
