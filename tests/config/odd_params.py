"""Params files with one odd value each, made from a valid one: what `check` does with them."""

import copy
import datetime
import math
from collections.abc import Iterator
from typing import Any

from ruamel.yaml import YAML

from pipeline.config.params import Params, validate
from pipeline.errors import ConfigError
from tests.conftest import ROOT

ODD: tuple[Any, ...] = (
    *(None, True, "", "x", "1", "a\0b", "é", "x" * 300, datetime.date(2020, 1, 1)),
    *(-1, 0, 1, 1.5, 10**7, 10**13, 10**30, 10**400, 1e308, -1e308, 1e-320, math.inf, math.nan),
    *([], {}, [None], ["x"], [[1]], {"a": 1}),
)
# refused wherever they stand: no key holds so large a count, NaN, or a text with a zero byte
NEVER_VALID = [v for v in ODD if v in (10**30, 10**400, 1e308, math.inf, "a\0b") or v != v]


def complete() -> dict[str, Any]:
    """The quick recipe with every default written out."""
    content = YAML(typ="safe").load((ROOT / "recipes/quick.yaml").read_text(encoding="utf-8"))
    return Params.model_validate(content).model_dump(mode="json")


def keys(content: dict, above: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    """Every key of nested dicts, outer ones first."""
    for key, value in content.items():
        yield (*above, key)
        if isinstance(value, dict):
            yield from keys(value, (*above, key))


def complaint(content: dict, key: tuple[str, ...], value: Any) -> str | None:
    """What `check` says of `content` with `value` under `key`; None if it accepts it."""
    changed = copy.deepcopy(content)
    block = changed
    for part in key[:-1]:
        block = block[part]
    block[key[-1]] = value
    try:
        validate(changed, "params.yaml")
    except ConfigError as error:
        return str(error)
    return None
