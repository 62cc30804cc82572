"""What is wrong with a value of params.yaml, in one line."""

import difflib
import math
import reprlib
from collections.abc import Iterable
from typing import Any, get_args

from pydantic import BaseModel

MOST = 12  # keys that are listed where one is unknown
SHORT = reprlib.Repr()
SHORT.maxlevel, SHORT.maxstring, SHORT.maxother = 2, 60, 60


def short(value: Any) -> str:
    """A value of a params file in a few words, however large it is."""
    if isinstance(value, int) and not isinstance(value, bool) and abs(value) >= 10**40:
        return f"an integer of {int(math.log10(abs(value))) + 1:,} digits"
    return SHORT.repr(value)


def explain(model: type[BaseModel], error: Any) -> str:
    """One line: the key's path, what was found, what is allowed. `error`: one of pydantic's, of `model`."""
    path, allowed, kinds = _walk(model, error["loc"])
    if error["type"] == "extra_forbidden":
        if elsewhere := _of_another_kind(str(error["loc"][-1]), allowed, kinds):
            return f"{path}: {elsewhere}"
        if hint := close_to(str(error["loc"][-1]), allowed):
            return f"{path}: unknown key{hint}"
        more = f" and {len(allowed) - MOST} more" if len(allowed) > MOST else ""
        return f"{path}: unknown key; allowed here: {', '.join(allowed[:MOST])}{more}"
    if error["type"] == "missing":
        return f"{path}: missing; it is required"
    if error["type"] == "too_short":
        return f"{path}: holds {error['ctx']['actual_length']} entries, must hold {error['ctx']['min_length']} or more"
    message = error["msg"].removeprefix("Value error, ").replace("Input should be", "must be")
    if error["type"] == "value_error":
        return f"{path}: {message}" if path else message
    if error["type"] == "union_tag_invalid":
        return f"{path}.name: found {short(error['ctx']['tag'])}, must be one of {error['ctx']['expected_tags']}"
    if error["type"] == "union_tag_not_found":
        return f"{path}.name: missing; it is required"
    return f"{path}: found {short(error['input'])}, {message}"


def close_to(word: str, allowed: Iterable[str]) -> str:
    """A hint at the one of `allowed` that `word` looks like; empty if none does."""
    close = difflib.get_close_matches(word, list(allowed), n=1)
    return f" (did you mean {close[0]}?)" if close else ""


def _of_another_kind(key: str, allowed: list[str], kinds: dict[str, list[str]]) -> str:
    """What to do about a key of a net (an optimizer, a source) of another name; empty if it is none.

    `kinds`: name -> its keys, of all that may stand there.
    """
    others = [name for name, keys in kinds.items() if key in keys]
    if not others:
        return ""
    here = next(name for name, keys in kinds.items() if keys == allowed)
    own = [each for each in allowed if not all(each in keys for keys in kinds.values())]
    more = f" ({here} has {', '.join(own)})" if own else ""
    return f"a key of {' and '.join(others)}, not of {here}; leave it out{more}"


def _walk(model: Any, location: tuple) -> tuple[str, list[str], dict[str, list[str]]]:
    """The key's path as written in the file (without pydantic's union tags), the keys allowed there, and those of
    every name that may stand there, if a name chooses them."""
    keys: list[str] = []
    allowed: list[str] = []
    kinds: dict[str, list[str]] = {}
    chosen = False
    for part in location:
        models = _models(model)
        by_tag = {tag: m for m in models if (tag := _tag(m))}
        if len(models) > 1 and part in by_tag:
            model, chosen = by_tag[part], True
            kinds = {tag: list(_fields(each)) for tag, each in by_tag.items()}
            continue
        kinds = kinds if chosen else {}
        chosen = False
        if models:
            fields = _fields(models[0])
            allowed = list(fields)
            field = fields.get(part)
            model = field.annotation if field else None
        elif get_args(model):
            model = next(part for part in reversed(get_args(model)) if part is not ...)
        keys.append(str(part))
    return ".".join(keys), allowed, kinds


def _fields(model: type[BaseModel]) -> dict[str, Any]:
    return {each.alias or key: each for key, each in model.model_fields.items()}


def _models(annotation: Any) -> list[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return [annotation]
    if getattr(annotation, "__origin__", None) in (dict, tuple, list):
        return []
    return [model for part in get_args(annotation) for model in _models(part)]


def _tag(model: type[BaseModel]) -> str | None:
    """The value of `name` that chooses this model in a union, if there is one."""
    name = model.model_fields.get("name")
    return get_args(name.annotation)[0] if name else None
