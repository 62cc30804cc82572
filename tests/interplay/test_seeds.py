"""`seeds:` in params.yaml: both engines say what to do, and the table has the mean over the seeds."""

import csv
import statistics
from pathlib import Path

import pytest

from pipeline.io.files import read_json
from tests.conftest import Project
from tests.interplay.test_engines import assert_agreed, content, jobs

PENDING = "params.yaml: runs.line.seeds is [0, 1], but these runs are not written out yet"


@pytest.fixture
def copy(finished: Project, tmp_path: Path) -> Project:
    return finished.copy(tmp_path / "a copy")


def test_a_run_is_fanned_out_over_seeds_and_the_table_has_their_mean(copy: Project):
    before = content(copy)
    old = "    dataset: line\n    model: gan\n    seed: 0\n"
    copy.edit("params.yaml", old, f"{old}    seeds: [0, 1]\n")
    for command in (
        ("snakemake", "--cores", "all"),
        ("dvc", "repro"),
        ("python", "-m", "pipeline", "check"),
    ):
        said = copy.run(*command, fails=True)
        assert PENDING in said
        assert "Next: python -m pipeline sweep" in said
        assert "Traceback" not in said

    said = copy.pipeline("sweep")
    assert "params.yaml: added: line_seed1" in said
    ran = jobs(copy.snakemake())
    new = ("train", "sample", "parzen", "metrics", "figures", "scores")
    assert ran == {"check", "table", *(f"{stage}_line_seed1" for stage in new)}
    after = content(copy)
    models = {path: digest for path, digest in after.items() if path.endswith("model.safetensors")}
    assert len(models) == len(set(models.values())) == 3
    kept = {path for path in before if path.startswith("results/line/")}
    assert {path: after[path] for path in kept} == {path: before[path] for path in kept}

    scores = [read_json(copy.path / f"results/scores/{run}.json") for run in ("line", "line_seed1")]
    table = (copy.path / "results/table.md").read_text()
    lines = table.splitlines()
    row = next(number for number, line in enumerate(lines) if "**line, mean over 2 seeds**" in line)
    headings = [line for line in lines[:row] if line.startswith("| model")][-1]
    cells = dict(zip(headings.split(" | "), lines[row].split(" | "), strict=True))
    shown = {heading.strip(" |"): cell.strip() for heading, cell in cells.items()}
    for key, heading, rounding in (("log_likelihood", "nats", 5e-4), ("recall", "recall", 6e-4)):
        mean, deviation = map(float, shown[heading].removesuffix(")").split(" (std "))
        values = [score[key] for score in scores]
        assert mean == pytest.approx(statistics.fmean(values), abs=rounding)
        assert deviation == pytest.approx(statistics.stdev(values), rel=0.06, abs=rounding)
    rows = list(csv.DictReader((copy.path / "results/table.csv").read_text().splitlines()))
    assert "line, mean over 2 seeds" in [row["model"] for row in rows]
    assert_agreed(copy)
