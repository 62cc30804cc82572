"""Outputs beside those that are expected: the same bits, the same numbers, or others."""

import math
from collections.abc import Iterator
from dataclasses import dataclass

from pipeline.verify.content import Content, Numbers

TOLERANCE = 1e-3  # relative; rounding in a last step stays far below it, another training does not


@dataclass(frozen=True)
class Verdict:
    """On one output."""

    path: str
    words: str
    same: bool  # the bits, or the numbers within TOLERANCE
    bits: bool = False


def verdicts(found: dict[str, Content], expected: dict[str, Content]) -> Iterator[Verdict]:
    """One for each output that is there or expected, in the order of their names."""
    for path in sorted(found.keys() | expected.keys()):
        if path not in found:
            yield Verdict(path, "is missing", same=False)
        elif path not in expected:
            yield Verdict(path, "is not expected", same=False)
        else:
            yield verdict(path, found[path], expected[path])


def verdict(path: str, found: Content, expected: Content) -> Verdict:
    if found.sha256 == expected.sha256:
        return Verdict(path, "same bits", same=True, bits=True)
    if found.numbers.keys() != expected.numbers.keys():
        keys = sorted(found.numbers.keys() ^ expected.numbers.keys())
        return Verdict(path, f"differs: {keys[0]} is in one of them only", same=False)
    if not found.numbers:
        return Verdict(path, "differs", same=False)
    key, worst = farthest(found.numbers, expected.numbers)
    if worst <= TOLERANCE:
        return Verdict(path, f"same numbers within {worst:.0e}", same=True)
    here, there = found.numbers[key], expected.numbers[key]
    return Verdict(path, f"differs: {key} {here:.6g}, expected {there:.6g}", same=False)


def farthest(found: Numbers, expected: Numbers) -> tuple[str, float]:
    """The number that deviates most, and by how much of the larger of both."""
    return max(
        ((key, deviation(found[key], expected[key])) for key in found), key=lambda pair: pair[1]
    )


def deviation(one: float, other: float) -> float:
    if one == other or (math.isnan(one) and math.isnan(other)):
        return 0.0
    if not (math.isfinite(one) and math.isfinite(other)):
        return math.inf
    return abs(one - other) / max(abs(one), abs(other))
