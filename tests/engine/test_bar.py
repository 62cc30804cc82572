"""The last line of the terminal while jobs run."""

import io
import json
import threading
from pathlib import Path

import pytest

from pipeline.engine.bar import Bar, clock


@pytest.mark.parametrize(
    ("seconds", "expected"), [(7.4, "0:07"), (59.6, "1:00"), (750, "12:30"), (3725, "1:02:05")]
)
def test_clock(seconds: float, expected: str):
    assert clock(seconds) == expected


def test_the_line_has_a_bar_for_jobs_that_note_their_progress_and_a_clock_for_others(
    tmp_path: Path,
):
    noted = tmp_path / "train_x.json"
    noted.write_text(json.dumps({"done": 300, "of": 400, "seconds_left": 65}))
    bar = Bar(io.StringIO(), threading.RLock())
    bar.since = 0.0
    bar.count(2, 9)
    bar.running = {"train x": (10.0, noted), "sample y": (20.0, tmp_path / "none")}
    assert bar.line(30.0) == (
        "2 of 9 stages, 0:30 | train x [###############.....] 75%, 1:05 left | sample y 0:10"
    )
