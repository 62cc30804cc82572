"""What can be watched of a training while it runs."""

import json

import pytest

from pipeline.cli import main
from pipeline.io import tensorboard
from pipeline.io.live import Live
from pipeline.models.gan.training import Training
from tests.stages import test_train
from tests.stages.test_train import COLUMNS, made, rows

here = test_train.here  # the fixture


def test_the_log_grows_while_it_trains_and_nothing_is_left_of_an_interrupted_one(here, monkeypatch):
    log, advance, seen = here / "results/line/training.tsv", Training.advance, []

    def interrupted(self):
        if self.step > 50:
            seen.append(rows(here))
            raise KeyboardInterrupt
        return advance(self)

    with monkeypatch.context() as patch:
        patch.setattr(Training, "advance", interrupted)
        assert main(["train", "line"]) == 130
    assert [row.split("\t")[0] for row in seen[0]] == ["50"]
    assert not log.exists()
    assert main(["train", "line"]) == 0
    whole = log.read_bytes()
    with monkeypatch.context() as patch:  # by hand, where results lie: they stay
        patch.setattr(Training, "advance", interrupted)
        assert main(["train", "line"]) == 130
    assert log.read_bytes() == whole


@pytest.mark.parametrize("left", ["", '{"step": 5', "[]"])
def test_numbers_that_a_kill_has_cut_off_do_not_keep_a_training_from_going_on(tmp_path, left):
    file = tmp_path / "metrics.json"
    file.write_text(left)
    with Live(tmp_path, resume=True) as live:
        live.numbers({"step": 6, "images": 600, "d_loss": 0.5})
    assert json.loads(file.read_text()) == {"d_loss": 0.5, "step": 6}


def test_tensorboard_shows_the_same_numbers_and_changes_no_result(here, monkeypatch, capsys):
    assert main(["train", "line"]) == 0
    expected = made(here)
    assert not (here / "results/line/live/tensorboard").exists()
    monkeypatch.setenv("PIPELINE_TENSORBOARD", "1")
    assert main(["train", "line"]) == 0
    assert made(here) == expected

    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    board = EventAccumulator(str(here / "results/line/live/tensorboard"))
    board.Reload()
    points = board.Scalars("d_loss")
    logged = [dict(zip(COLUMNS, row.split("\t"), strict=True)) for row in rows(here)]
    assert [str(point.step) for point in points] == [row["step"] for row in logged]
    assert [f"{point.value:.4g}" for point in points] == [
        f"{float(row['d_loss']):.4g}" for row in logged
    ]
    assert [picture.step for picture in board.Images("samples")] == [0, 20, 40, 60]
    assert board.Images("samples")[0].encoded_image_string.startswith(b"\x89PNG")

    monkeypatch.setattr(tensorboard.importlib.util, "find_spec", lambda name: None)
    assert main(["train", "line"]) == 1
    said = capsys.readouterr().err
    assert "pip install -r requirements-tensorboard.txt -c constraints.txt" in said
