"""What a stage notes of its progress reaches whoever started it, and nothing else comes of it."""

import json
from pathlib import Path

import pytest

from pipeline.io import live, notes
from pipeline.io.notes import Note, Notes


@pytest.fixture
def file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv(notes.PROGRESS, str(tmp_path / "note.json"))
    return tmp_path / "note.json"


def test_what_is_written_is_read(file: Path):
    Notes().write(Note(3, 10, 7.5))
    assert notes.read(file) == Note(3, 10, 7.5)


@pytest.mark.parametrize(
    "content",
    [
        None,
        "",
        '{"done": 1, "of"',
        "[]",
        '{"done": 1}',
        '{"done": 1, "of": 0, "seconds_left": 1}',
        '{"done": 2, "of": 1, "seconds_left": 1}',
        '{"done": 1, "of": 2, "seconds_left": "1"}',
        '{"done": 1, "of": 2, "seconds_left": NaN}',
    ],
)
def test_what_is_no_note_is_none(file: Path, content: str | None):
    if content is not None:
        file.write_text(content)
    assert notes.read(file) is None


def test_a_training_notes_its_step_and_the_time_left(file: Path, monkeypatch: pytest.MonkeyPatch):
    clock = [100.0]
    monkeypatch.setattr(live.time, "monotonic", lambda: clock[0])
    progress = live.Progress("x", steps=100, first_step=20, images=lambda step: 8 * step)
    for step in (30, 40):
        clock[0] += 5
        progress.to(step)
    assert json.loads(file.read_text()) == {"done": 40, "of": 100, "seconds_left": 30.0}
    clock[0] += 0.5
    progress.to(41)
    assert json.loads(file.read_text())["done"] == 40, "more than one a second"


def test_nothing_is_noted_unasked_or_where_it_cannot_be(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv(notes.PROGRESS, raising=False)
    Notes().write(Note(1, 2, 1))
    monkeypatch.setenv(notes.PROGRESS, "no/folder/note.json")
    Notes(on=False).write(Note(1, 2, 1))
    Notes().write(Note(1, 2, 1))
    assert list(tmp_path.iterdir()) == []
