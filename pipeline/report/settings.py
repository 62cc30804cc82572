"""Settings of runs, flat, and in which of them runs differ."""

import json
from collections import Counter
from typing import Any

from pipeline.config.params import Run

Flat = dict[str, Any]  # dotted key -> value that is no block


def seed_groups(runs: dict[str, Run]) -> list[list[str]]:
    """Names of runs grouped by all settings but the seed, each seed once in a group.

    A run with the settings and the seed of another is the same training once more, which says nothing of the spread
    over seeds: it goes to the next group.
    """
    together: dict[tuple[str, int], list[str]] = {}
    copies: Counter[str] = Counter()
    for name, run in runs.items():
        settings = run.model_copy(update={"seed": 0}).model_dump_json()
        training = run.model_dump_json()
        together.setdefault((settings, copies[training]), []).append(name)
        copies[training] += 1
    return list(together.values())


def flat(block: dict[str, Any], where: str = "") -> Flat:
    """Nested blocks as dotted keys; lists stay values."""
    found: Flat = {}
    for key, value in block.items():
        if isinstance(value, dict) and value:
            found |= flat(value, f"{where}{key}.")
        else:
            found[f"{where}{key}"] = value
    return found


def differences(columns: list[Flat]) -> dict[str, list[str]]:
    """Keys in which the columns differ -> one text for each column; a dash where a column has no such key.

    A key that is a block in another column (`ema: null` beside `ema.decay`) is left to the keys of the block.
    """
    keys = list(dict.fromkeys(key for column in columns for key in column))
    blocks = {".".join(key.split(".")[:depth]) for key in keys for depth in range(1, depth_of(key))}
    found = {key: [text(column.get(key)) for column in columns] for key in keys}
    return {k: texts for k, texts in found.items() if k not in blocks and len(set(texts)) > 1}


def depth_of(key: str) -> int:
    return key.count(".") + 1


def text(value: Any) -> str:
    """A setting as one writes it in params.yaml."""
    if value is None:
        return "-"
    if isinstance(value, str):
        return value
    if isinstance(value, float):
        return f"{value:g}"
    if isinstance(value, list):
        return f"[{', '.join(map(text, value))}]"
    if isinstance(value, dict):
        return "{" + ", ".join(f"{key}: {text(each)}" for key, each in value.items()) + "}"
    return json.dumps(value)
