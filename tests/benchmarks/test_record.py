"""What a record says is of images that chose nothing, and no more than its seeds allow."""

import csv
import statistics
from decimal import ROUND_HALF_UP, Decimal
from pathlib import Path
from unittest.mock import Mock

import numpy as np
import pytest
import torch
from scipy import stats

from benchmarks import record
from pipeline.compute import devices
from pipeline.config import params
from pipeline.config.sample import Rejection, Sample
from pipeline.io.tensors import write_model
from pipeline.models.gan.training import Training
from pipeline.stages import sample as stage
from tests.models.gan.test_training import settings_with

RUN = params.load(Path("params.yaml")).runs["mnist"]


@pytest.mark.parametrize("split", record.SPLITS)
def test_images_that_chose_sigma_give_no_nats(split: str):
    data = {f"{part}_images": torch.rand(300, 1, 28, 28) for part in ("valid", "test")}
    judge = record.judge(RUN, data, split)
    chose, gave = (
        {image.tobytes() for image in images.numpy()}
        for images in (judge.for_sigma, judge.for_nats)
    )
    assert len(chose) == 150 and not chose & gave
    assert len(gave) == (150 if split == "validation" else 300)
    assert len(judge.held_out) == 300, "features take all of them"


def test_a_summary_tests_the_last_rows_of_all_seeds():
    ends = [14.2, 14.6, 14.5, 16.2, 13.8]
    rows = [(seed, 10, 5.0, fid, 0.8, 0.9, 220.0) for seed, fid in enumerate(ends)]
    said = record.summary([(0, 5, 2.0, 99.0, 0.1, 0.1, 1.0), *rows], 15.0)
    t = (sum(ends) / 5 - 15.0) / (torch.tensor(ends).std().item() / 5**0.5)
    assert said.startswith("5 seeds: seconds 5 ± 0, fid 14.66 ± 0.92,")
    assert said.endswith(f"t-test against a mean FID of 15: p = {stats.t.cdf(t, df=4):.2g}")
    assert record.summary(rows[:1], 15.0) == "one seed only: no mean, no test"


FEW = Sample(count=20, batch_size=8)
CONDITIONAL = {"conditional": {"embedding": 4}}


def training_of(images: torch.Tensor, train: dict) -> Training:
    devices.reproducible(threads=1)  # as the stage: sums of more threads have other bits
    labels = torch.arange(len(images)) % 10
    return Training(settings_with(train), 0, images, torch.device("cpu"), labels)


@pytest.mark.parametrize("train", [{}, CONDITIONAL], ids=["plain", "conditional"])
@pytest.mark.parametrize("rejection", [None, Rejection(accepted=0.5)], ids=["all", "rejection"])
def test_what_is_scored_is_what_the_stage_would_write(tmp_path, train: dict, rejection):
    training = training_of(torch.rand(200, 1, 28, 28), train)
    training.advance()
    sample = FEW.model_copy(update={"rejection": rejection})
    about = {
        "model": "gan",
        "train": training.settings.model_dump(mode="json"),
        "seed": 0,
        "image_shape": [1, 28, 28],
        "classes": training.classes,
    }
    write_model(tmp_path / "model.safetensors", training.weights(), about)
    files = stage.Paths(
        model=tmp_path / "model.safetensors",
        samples=tmp_path / "samples.npy",
        views=tmp_path / "views",
        grid=tmp_path / "grid.png",
        costs=tmp_path / "costs.json",
    )
    stage.run(sample, 0, 1, files)
    assert np.array_equal(record.drawn(training, sample).numpy(), np.load(files.samples))


def test_scores_on_the_way_change_nothing_of_the_training():
    images = torch.rand(200, 1, 28, 28)
    ends = []
    for moments in ({4}, {1, 2, 4}):
        training = training_of(images, {"steps": 4})
        judge = Mock(score=lambda t: record.drawn(t, FEW).flatten()[:4].tolist())
        ends.append([*record.rows_of(training, judge, moments)][-1][3:])
    assert ends[0] == ends[1]


@pytest.mark.parametrize(
    ("name", "page"),
    [
        ("default", "docs/speed.md"),
        ("default_rejection", "docs/speed.md"),
        ("default", "README.md"),
    ],
)
def test_pages_say_what_is_on_record(name: str, page: str):
    with Path(f"benchmarks/record/{name}/rows.tsv").open() as file:
        ends = {
            row["seed"]: row for row in csv.DictReader(file, delimiter="\t")
        }  # the last of each
    cells = []
    for key, digit in (
        ("fid", "0.1"),
        ("precision", "0.001"),
        ("recall", "0.001"),
        ("nats", "0.1"),
    ):
        found = [Decimal(row[key]) for row in ends.values()]
        mean, deviation = (
            number.quantize(Decimal(digit), ROUND_HALF_UP)
            for number in (statistics.mean(found), statistics.stdev(found))
        )
        cells.append(f"{mean} ± {deviation}")
    assert f"| {' | '.join(cells)} |" in Path(page).read_text(encoding="utf-8")
