"""Params files with an odd value under each key, in pairs, and cut, flipped or nested out of shape."""

import copy
import itertools
import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from pipeline.config.params import load, validate
from tests.campaign.attack import Attack
from tests.config.odd_params import NEVER_VALID, ODD, complete, keys
from tests.conftest import ROOT
from tests.io.damage import damaged


def changed(content: dict, values: dict[tuple[str, ...], Any]) -> dict:
    """`content` with each of `values` under its key; a key may have gone with an earlier value."""
    content = copy.deepcopy(content)
    for key, value in values.items():
        block: Any = content
        for part in key[:-1]:
            block = block.get(part) if isinstance(block, dict) else None
        if isinstance(block, dict):
            block[key[-1]] = value
    return content


def validated(content: dict) -> dict:
    return validate(content, "params.yaml").model_dump(mode="json")


def kept(values: dict[tuple[str, ...], Any]):
    """Whether each value stands in what was validated as it was given, and can be one at all."""

    def right(result: dict) -> bool:
        for key, value in values.items():
            block: Any = result
            for part in key:
                if not isinstance(block, dict) or part not in block:
                    return value in ({}, None)  # a block of defaults, left out
                block = block[part]
            plain = value.isoformat() if hasattr(value, "isoformat") else value
            if not holds(block, plain) or any(value is each for each in NEVER_VALID):
                return False
        return True

    return right


def holds(block: Any, value: Any) -> bool:
    """Whether `block` is `value`, or what it is short for: a block with defaults, a range of one number."""
    if isinstance(block, dict):
        given = value.items() if isinstance(value, dict) else [(None, value)]
        return all(block.get(key) == each or each in block.values() for key, each in given)
    if isinstance(block, list) and not isinstance(value, list):
        return bool(block) and all(holds(each, value) for each in block)
    return block == value and isinstance(block, bool) == isinstance(value, bool)


def names(key: tuple[str, ...]) -> tuple[str, ...]:
    """One of which a refusal must name: the key, or the dataset or run whose parts do not fit together."""
    return key[-1], ".".join(key[:2])


def attacks(folder: Path) -> Iterator[Attack]:
    content = complete()
    every_key = list(keys(content))
    for key, value in itertools.product(every_key, ODD):
        values = {key: value}
        yield Attack(
            f"{'.'.join(key)} = {value!r:.60}",
            lambda values=values: validated(changed(content, values)),
            names(key),
            kept(values),
        )
    chance = random.Random(0)
    for _ in range(2_000):
        # the inner key last, if one is inside the other
        pair = sorted(chance.sample(every_key, 2), key=len)
        values = {key: chance.choice(ODD) for key in pair}
        yield Attack(
            f"{values!r:.160}",
            lambda values=values: validated(changed(content, values)),
            tuple(name for key in pair for name in names(key)),
        )
    path = folder / "params.yaml"
    whole = (ROOT / "recipes/quick.yaml").read_bytes()
    for what, spoilt in damaged(whole, 500):

        def act(spoilt=spoilt):
            path.write_bytes(spoilt)
            return load(path)

        yield Attack(f"params.yaml {what}", act, (str(path),))
