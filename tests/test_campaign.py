"""A part of all attacks, the same ones each time, and whether one that goes wrong would be counted.

Those on the files of DVC: tests/interplay/test_damaged_state.py.
"""

from pathlib import Path

import pytest

from pipeline.errors import DataError
from tests.campaign import arrays, files, params, places
from tests.campaign.attack import BAD, Attack, every, outcome


def raises(error: Exception):
    def act():
        raise error

    return act


def test_what_goes_wrong_is_counted_as_such(tmp_path: Path):
    kept = tmp_path / "kept"
    kept.write_text("x")
    named = ("a.npy",)
    for expected, attack in {
        "refused": Attack("", raises(DataError("a.npy: damaged")), named),
        "accepted": Attack("", lambda: 1, named),
        "traceback": Attack("", raises(KeyError("x")), named),
        "silent": Attack("", lambda: 1, named, right=lambda result: result == 2),
        "lost": Attack("", kept.unlink, named, folders=(tmp_path,)),
    }.items():
        assert outcome(attack)[0] == expected
    assert outcome(Attack("", raises(DataError("damaged")), named))[0] == "silent"  # no name
    assert outcome(Attack("", raises(DataError("a.npy\n" * 50)), named))[0] == "silent"
    assert outcome(Attack("", raises(DataError("a.npy Traceback")), named))[0] == "traceback"


@pytest.mark.parametrize(
    ("family", "step", "least"),
    [(params, 29, 300), (files, 23, 200), (arrays, 29, 70), (places, 7, 20)],
    ids=["params", "files", "arrays", "places"],
)
def test_a_part_of_the_attacks_is_refused_or_taken_for_what_it_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, family, step: int, least: int
):
    monkeypatch.chdir(tmp_path)
    done = [(*outcome(attack), attack.what) for attack in every(family.attacks(tmp_path), step)]
    assert [each for each in done if each[0] in BAD] == []
    assert len(done) > least
    assert {word for word, *_ in done} == {"refused", "accepted"}
