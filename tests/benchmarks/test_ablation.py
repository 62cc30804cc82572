"""The ablation names runs by their seed's suffix, trains what is missing and puts seeds of a run together."""

import re
from pathlib import Path

import numpy as np
import pytest

from benchmarks import ablation
from pipeline.config import params

RECIPE = Path("recipes/ganhacks_28.yaml")


def row(run: str, fid: float, seconds: float = 10.0) -> ablation.Row:
    numbers = {"fid": fid, "precision": 0.8, "recall": 0.7, "nats": 200.0, "seconds": seconds}
    return {"run": run} | {key: str(number) for key, number in numbers.items()}


def test_seeds_become_means_with_the_best_fid_first_and_time_against_the_baseline():
    rows = [row("base_s0", 20), row("better_s0", 2, 15), row("base_s1", 21), row("like_it", 22)]
    lines = [re.sub(" +", " ", line) for line in ablation.table(rows, "base").splitlines()]
    assert lines[2:] == [
        "| `better` | 1 | 2.0 ▲ | 0.800 | 0.700 | 200.0 | 1.5 |",
        "| `base` | 2 | 20.5 ± 0.7 | 0.800 ± 0.000 | 0.700 ± 0.000 | 200.0 ± 0.0 | 1.0 |",
        "",
        "No difference: `like_it` (1).",
    ]


def test_a_mark_stands_where_one_in_twenty_means_of_the_baseline_would_get_one():
    """Means over two seeds against means over three, of 4,000 baselines that do not differ."""
    random = np.random.default_rng(0)
    drawn = random.normal(5, 2, (4_000, 5))
    marked = [
        abs(one[:3].mean() - one[3:].mean()) > ablation.chance([*one[:3]], seeds=2) for one in drawn
    ]
    assert np.mean(marked) == pytest.approx(0.05, abs=0.01)


def test_rows_come_back_from_their_file(tmp_path):
    file = tmp_path / "rows.tsv"
    assert ablation.read(file) == []
    ablation.write(file, rows := [row("base_s0", 20), row("base_s1", 22)])
    assert ablation.read(file) == rows


def test_runs_are_chosen_with_or_without_their_seed_and_all_of_a_seed_come_before_the_next():
    runs = params.load(RECIPE).runs
    assert [*ablation.wanted(runs, ["no_norm_s1", "default"])] == [
        *("default_s0", "no_norm_s1", "default_s1", "default_s2"),
    ]
    assert len(ablation.wanted(runs, [])) == len(runs)
    with pytest.raises(SystemExit, match="no_such"):
        ablation.wanted(runs, ["default", "no_such"])


def test_rows_of_validation_images_never_count_as_rows_of_test_images():
    files = {ablation.rows_file(RECIPE, split) for split in ablation.SPLITS}
    assert len(files | {ablation.rows_file(Path("recipes/best.yaml"), "test")}) == 3
