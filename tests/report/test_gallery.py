"""Samples of all runs of a dataset in one picture."""

import io
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import save_file

from pipeline import paths
from pipeline.cli import main
from pipeline.evaluation.plots import grids
from pipeline.team.sweep import sweep
from tests.report.folder import set_up


@pytest.fixture(autouse=True)
def here(tmp_path, monkeypatch):
    set_up(tmp_path)
    monkeypatch.chdir(tmp_path)
    data = paths.Dataset("digits").normalized
    data.parent.mkdir(parents=True)
    save_file({"test_images": torch.full((20, 1, 8, 8), -1.0)}, data)


def drawn(run: str, grey: float, count: int = 20) -> None:
    file = paths.Run(run).samples
    file.parent.mkdir(parents=True, exist_ok=True)
    np.save(file, np.full((count, 1, 8, 8), grey, np.float32))


def test_each_run_has_a_row_below_the_test_images_and_seeds_share_one(capsys):
    sweep(Path("params.yaml"), "digits", ["seed=0,1"], rewrite=False)
    drawn("digits", 0.0)
    written = []
    for _ in range(2):
        assert main(["gallery", "--dataset", "digits", "--columns", "3"]) == 0
        written.append(Path("results/gallery_digits.png").read_bytes())
    assert written[0] == written[1]
    tile = grids.TILE_PIXELS + grids.GAP_PIXELS
    picture = Image.open(io.BytesIO(written[0])).convert("L")
    assert picture.height == 2 * tile + grids.GAP_PIXELS
    rows = [picture.getpixel((picture.width - 20, y)) for y in (20, 20 + tile)]
    assert rows == [0, 128]  # black test images, grey samples


def test_what_cannot_be_shown_is_named(capsys):
    assert main(["gallery"]) == 1
    assert "name one of the datasets with --dataset: digits, line" in capsys.readouterr().err
    assert main(["gallery", "--dataset", "nothing"]) == 1
    assert "it has: digits, line" in capsys.readouterr().err
    assert main(["gallery", "--dataset", "digits"]) == 1
    assert "no run on digits has samples yet" in capsys.readouterr().err
