"""The ablation names runs by their seed's suffix, trains what is missing and puts seeds of a run together."""

import re
from pathlib import Path

import pytest

from benchmarks import ablation
from pipeline.config import params

RECIPE = Path("recipes/ganhacks_28.yaml")


def row(run: str, fid: float, seconds: float = 10.0) -> ablation.Row:
    numbers = {"fid": fid, "precision": 0.8, "recall": 0.7, "nats": 200.0, "seconds": seconds}
    return {"run": run} | {key: str(number) for key, number in numbers.items()}


def test_seeds_become_means_with_the_best_fid_first_and_time_against_the_baseline():
    rows = [row("base_s0", 20), row("better_s0", 9, 15), row("base_s1", 22), row("alone", 30)]
    lines = [re.sub(" +", " ", line) for line in ablation.table(rows, "base").splitlines()]
    assert lines[2:] == [
        "| `better` | 1 | 9.0 | 0.800 | 0.700 | 200.0 | 1.5 |",
        "| `base` | 2 | 21.0 ± 1.4 | 0.800 ± 0.000 | 0.700 ± 0.000 | 200.0 ± 0.0 | 1.0 |",
        "| `alone` | 1 | 30.0 | 0.800 | 0.700 | 200.0 | 1.0 |",
    ]


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
