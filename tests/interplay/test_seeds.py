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
    above, _, below = table.partition("line, mean over 2 seeds")
    row = above.splitlines()[-1] + "line, mean over 2 seeds" + below.splitlines()[0]
    headings = [line for line in above.splitlines() if line.startswith("| model")][-1]
    cells = dict(zip(headings.split(" | "), row.split(" | "), strict=True))
    shown = {heading.strip(" |"): cell for heading, cell in cells.items()}
    recall_mean, recall_std = shown["recall"].strip().removesuffix(")").split(" (std ")
    for key, mean, deviation, rounding in (
        (
            "log_likelihood",
            float(shown["log-likelihood (nats)"]),
            float(shown["std over seeds"]),
            0.051,
        ),
        ("recall", float(recall_mean), float(recall_std), 0.0006),
    ):
        values = [score[key] for score in scores]
        assert mean == pytest.approx(statistics.fmean(values), abs=rounding)
        assert deviation == pytest.approx(statistics.stdev(values), rel=0.06, abs=rounding)
    rows = list(csv.DictReader((copy.path / "results/table.csv").read_text().splitlines()))
    assert "line, mean over 2 seeds" in [row["model"] for row in rows]
    assert_agreed(copy)
