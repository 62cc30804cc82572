"""Snakemake's report starts with the tables of results/table.md, whichever there are."""

from pathlib import Path

from pipeline.engine.report_start import table
from pipeline.tables.text import render
from tests.tables.test_tables import RUN


def test_every_table_becomes_one_of_restructured_text(tmp_path: Path):
    known = {"log_p": -90.0, "log_p_error": 0.2, "log_p_kind": "exact", "log_p_data": "binarised"}
    row = RUN | known | {"published": False, "model": "**made**"}
    (tmp_path / "table.md").write_text(render([row]))
    parts = table(tmp_path / "table.md").split(".. csv-table::")
    assert len(parts) == 3, "the runs, and their likelihoods"
    assert parts[1].rstrip().endswith("nats of a law on bits**")
    assert '"**made**","-90.00","0.20","exact"' in parts[2]
