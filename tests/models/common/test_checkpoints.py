"""A checkpoint is whole, of this training, or it is not used."""

import random
from pathlib import Path

import pytest
import torch

from pipeline.models.common import checkpoints

LIMIT = 40  # places of a file at which it is damaged


class Part:
    """Something that changes during a training."""

    def __init__(self, value: float = 0.0):
        self.state = {"weights": torch.full((64,), value), "step": int(value)}

    def state_dict(self) -> dict:
        return self.state

    def load_state_dict(self, state: dict) -> None:
        self.state = state


@pytest.fixture
def path(tmp_path) -> Path:
    """The checkpoint of step 2, the one of step 1 beside it."""
    path = tmp_path / ".checkpoints" / "abc" / "checkpoint.pt"
    for step in (1.0, 2.0):
        checkpoints.save(path, {"training": Part(step)})
    return path


def restored(path: Path) -> tuple[int, str]:
    """The step to go on from (0: the start), and what was said."""
    part, said = Part(), []
    assert checkpoints.restore(path, {"training": part}, said.append) == (part.state["step"] > 0)
    assert torch.equal(part.state["weights"], torch.full((64,), float(part.state["step"])))
    return part.state["step"], "\n".join(said)


def test_the_newest_is_used_and_nothing_is_said(path):
    assert restored(path) == (2, "")
    assert sorted(file.name for file in path.parent.iterdir()) == [
        "checkpoint.pt",
        "checkpoint_before.pt",
    ]


def damages(content: bytes) -> dict[str, bytes]:
    """Names and contents of damaged files: a bit flipped anywhere, cut off anywhere, and others."""
    draw = random.Random(0)
    found = {
        "empty": b"",
        "zeros": bytes(len(content)),
        "text": b"not a checkpoint",
        "longer": content + b"\0",
    }
    for place in [0, *draw.sample(range(len(content)), LIMIT), len(content) - 1]:
        flipped = bytearray(content)
        flipped[place] ^= 1 << draw.randrange(8)
        found[f"bit flipped in byte {place}"] = bytes(flipped)
        found[f"cut after {place} bytes"] = content[:place]
    return found


def test_damage_anywhere_is_named_and_set_aside_and_the_one_before_is_used(path):
    whole = path.read_bytes()
    cases = damages(whole)
    assert len(cases) > 80
    for number, (name, content) in enumerate(cases.items(), start=1):
        path.write_bytes(content)
        step, said = restored(path)
        assert step == 1, name
        aside = path.parent.with_name(f"abc-damaged-{number}") / "checkpoint.pt"
        assert aside.read_bytes() == content, "it is not deleted"
        assert str(path) in said and str(aside) in said, name
        assert "goes on from this earlier checkpoint" in said
        assert not path.exists()


def test_without_a_whole_one_the_training_starts_over_and_says_so(path):
    for file in path.parent.iterdir():
        file.write_bytes(file.read_bytes()[:-1])
    step, said = restored(path)
    assert step == 0
    assert "the training starts over" in said
    assert restored(path) == (0, "")


def test_a_checkpoint_of_another_training_is_not_used(path):
    other = path.parent.with_name("def") / path.name
    other.parent.mkdir()
    other.write_bytes(path.read_bytes())
    step, said = restored(other)
    assert step == 0
    assert "of another training, abc" in said


def test_a_folder_in_its_place_is_set_aside(path):
    path.unlink()
    path.mkdir()
    step, said = restored(path)
    assert (step, path.exists()) == (1, False)
    assert f"{path} cannot be read" in said


def test_only_the_rank_that_writes_moves_files(path):
    path.write_bytes(b"")
    part, said = Part(), []
    assert checkpoints.restore(path, {"training": part}, said.append, writes=False)
    assert part.state["step"] == 1
    assert path.exists()


def test_a_kill_while_it_is_saved_leaves_the_others(path, monkeypatch):
    def kill(*arguments):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(torch, "save", kill)
        with pytest.raises(KeyboardInterrupt):
            checkpoints.save(path, {"training": Part(3.0)})
    assert restored(path) == (2, "")
    path.unlink()  # a kill between the renames
    assert restored(path) == (1, "")


def test_the_last_training_that_uses_them_deletes_them(path):
    """Of two that train the same."""
    with checkpoints.shared(path) as delete:
        with checkpoints.shared(path):
            delete()
            assert restored(path) == (2, "")
        delete()
    assert not path.parent.exists()
