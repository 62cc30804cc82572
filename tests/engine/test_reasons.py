"""Why a stage runs, in words; on real stages: tests/interplay/test_screen.py."""

import pytest

from pipeline.engine import reasons


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ({"steps": 600, "seed": 0}, {"steps": 400, "seed": 0}, ["steps: 600 -> 400"]),
        ({"a": {"b": 1}}, {"a": {"b": 1, "c": None}}, ["a.c: set to null"]),
        ({"a": {"b": [1, 2]}}, {"a": {}}, ["a.b: no longer [1, 2]"]),
        ({"a": {}}, {"a": {}, "b": {"c": 1}}, ["b: added"]),
        ({"b": {"c": 1}}, {}, ["b: removed"]),
        ({"a": {"b": 1}}, {"a": 2}, ['a: {"b": 1} -> 2']),
        (0, "none", [": 0 -> none"]),
        ({"a": 1}, {"a": 1}, []),
        ("x" * 50, "y", [f": {'x' * 37}... -> y"]),
    ],
)
def test_differences_of_a_param(old, new, expected: list[str]):
    found = [f"{'.'.join(path)}: {words}" for path, words in reasons.differences(old, new)]
    assert found == expected


def test_a_stage_that_only_reads_what_others_make_names_them_without_its_own_run():
    assert reasons.after("sample@x", ["train@x"]) == "after train"
    assert reasons.after("train@x", ["normalize@mnist"]) == "after normalize mnist"
    many = [f"scores@{run}" for run in "abcde"]
    assert reasons.after("table", many) == "after scores a, scores b, scores c and 2 more"
