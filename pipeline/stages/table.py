"""table: the runs of this project, best first, beside real data and the published rows of Table 1."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

from pipeline.errors import DataError
from pipeline.io.files import read_json, write_bytes, write_json
from pipeline.tables.rows import decoder_rows, is_estimate, is_scores, rows_of
from pipeline.tables.text import csv_text, render


def run(
    names: list[str],
    entries: dict[str, str],
    sources: dict[str, str],
    groups: list[list[str]],
    folder: Path,
    table: Path,
    summary: Path,
) -> None:
    """Write `table` (.md), the same as .csv, and all scores to `summary`; deletes scores of removed runs.

    `names`: the runs of params.yaml; `entries`: its likelihoods -> the weights of G that they are of; `sources`: dataset -> name of its
    source (mnist, ...); `groups`: runs that differ in their seed only; `folder`: of the scores.
    """
    runs = scores_in(folder, names, is_scores)
    decoders = scores_in(folder / "likelihoods", list(entries), is_estimate)
    rows = [
        row
        for dataset in sorted({run["dataset"] for run in runs.values()})
        for row in (
            *rows_of(dataset, runs, sources[dataset], groups),
            *decoder_rows(dataset, decoders, entries, runs),
        )
    ]
    write_json(summary, runs | ({"likelihoods": decoders} if decoders else {}))
    write_bytes(table, render(rows).encode())
    write_bytes(table.with_suffix(".csv"), csv_text(rows).encode())


def scores_in(
    folder: Path, names: list[str], is_readable: Callable[[Any], bool]
) -> dict[str, dict]:
    """Those of `names`; all others, which were removed from params.yaml, are deleted. DataError unless all are readable."""
    for stray in folder.glob("*.json"):
        if stray.stem not in names:
            stray.unlink()
    found = {name: read_json(folder / f"{name}.json") for name in names}
    for name, content in found.items():
        if not is_readable(content):
            raise DataError(
                f"{folder / name}.json holds other numbers than this version writes, or none. Make it again with: dvc repro"
            )
    return found
