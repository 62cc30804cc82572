"""What a record says is of images that chose nothing, and no more than its seeds allow."""

from pathlib import Path

import pytest
import torch
from scipy import stats

from benchmarks import record
from pipeline.config import params

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
