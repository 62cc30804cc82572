"""A part of the attacks on files by which DVC and we remember what was run."""

from pathlib import Path

from tests.campaign import state
from tests.campaign.attack import BAD, every, outcome


def test_damaged_files_of_dvc_are_named_mended_or_let_be(tmp_path: Path):
    done = [(*outcome(attack), attack.what) for attack in every(state.attacks(tmp_path, 2), 23)]
    assert [each for each in done if each[0] in BAD] == []
    assert len(done) > 35
    assert {word for word, *_ in done} == {"refused", "accepted"}
