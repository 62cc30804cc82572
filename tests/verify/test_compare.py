"""Outputs beside expected ones."""

import math

import pytest

from pipeline.verify.compare import verdict
from pipeline.verify.content import Content


@pytest.mark.parametrize("number", [math.nan, math.inf])
@pytest.mark.parametrize("place", ["first", "second"])
def test_numbers_that_are_not_finite_are_never_the_same(place: str, number: float):
    expected = {"first": 1.0, "second": 2.0}
    found = verdict("x", Content("a", expected | {place: number}), Content("b", expected))
    assert not found.same and place in found.words
