"""table: Table 1 of the paper, with the runs of this project beside the published rows."""

import csv
import io
import itertools
import statistics
from pathlib import Path
from typing import Any

from pipeline.evaluation.published import TABLE_1
from pipeline.evaluation.rounding import decimals
from pipeline.io.files import read_json, write_bytes, write_json

# Columns of table.csv: what a row may have, and the heading of those that table.md shows.
COLUMNS = {
    "dataset": None,
    "model": "model",
    "published": None,
    "log_likelihood": "log-likelihood (nats)",
    "standard_error": "standard error",
    "log_likelihood_std": "std over seeds",
    "sigma": "sigma",
    "fid": "FID",
    "precision": "precision",
    "recall": "recall",
    "classes_hit": "classes",
    "jsd": "JSD",
    "jsd_at_least": None,  # a bound by each run's own D: does not rank runs
    "steps": "steps",
    "verdict": "training",
    "evaluation": "evaluation",
    # the standard deviation over seeds, in rows over seeds; table.md has it beside the mean
    "fid_std": None,
    "precision_std": None,
    "recall_std": None,
    "jsd_std": None,
}
AVERAGED = ("log_likelihood", "fid", "precision", "recall", "jsd")  # over seeds
Row = dict[str, Any]


def run(
    names: list[str],
    sources: dict[str, str],
    groups: list[list[str]],
    folder: Path,
    table: Path,
    summary: Path,
) -> None:
    """Write `table` (.md), the same as .csv, and all scores to `summary`; deletes scores of removed runs.

    `names`: the runs of params.yaml; `sources`: dataset -> name of its source (mnist, ...); `groups`: runs
    that differ in their seed only; `folder`: of the scores.
    """
    for stray in folder.glob("*.json"):
        if stray.stem not in names:  # a run that was removed from params.yaml
            stray.unlink()
    runs = {name: read_json(folder / f"{name}.json") for name in names}
    rows = [
        row
        for dataset in sorted({run["dataset"] for run in runs.values()})
        for row in rows_of(dataset, runs, sources[dataset], groups)
    ]
    write_json(summary, runs)
    write_bytes(table, render(rows).encode())
    write_bytes(table.with_suffix(".csv"), csv_text(rows).encode())


def rows_of(dataset: str, runs: dict[str, dict], source: str, groups: list[list[str]]) -> list[Row]:
    """The real-data line, this project's runs and the published rows, best first."""
    own = {name: run for name, run in runs.items() if run["dataset"] == dataset}
    rows = [{"model": f"**{name}**", **run} for name, run in own.items()]
    rows += [over_seeds(group, own) for group in groups if len(group) > 1 and group[0] in own]
    rows += [
        {"model": model, "published": True, "log_likelihood": mean, "standard_error": error}
        for model, mean, error in TABLE_1.get(source, [])
    ]
    real = [real_row(run) for run in own.values() if run["real_data"] is not None]
    rows += [row for index, row in enumerate(real) if row not in real[:index]]
    ordered = sorted(rows, key=lambda row: -row["log_likelihood"])
    return [{"published": False, **row, "dataset": dataset} for row in ordered]


def over_seeds(group: list[str], runs: dict[str, dict]) -> Row:
    """Mean over runs that differ in their seed, and the standard deviation over them."""
    row: Row = {"model": f"{name_of(group)}, mean over {len(group)} seeds"}
    for key in AVERAGED:
        values = [runs[name][key] for name in group]
        if None not in values:
            deviation = statistics.stdev(values)
            row[key] = round(statistics.fmean(values), decimals(deviation))
            row[f"{key}_std"] = float(f"{deviation:.2g}")
    return row


def name_of(group: list[str]) -> str:
    """The common base of a sweep's names (best for best, best_seed1, best_seed2), or all names."""
    first = min(group, key=len)
    return first if all(name.startswith(first) for name in group) else ", ".join(group)


def real_row(run: dict) -> Row:
    """The row of the real-data line, from one run's scores."""
    row = {"model": "real data", "log_likelihood": run["real_data"]}
    return row | {
        "standard_error": run["real_data_error"],
        **{key: run[f"real_{key}"] for key in ("fid", "precision", "recall")},
    }


def render(rows: list[Row]) -> str:
    """Markdown, one table for each dataset."""
    parts = ["# Parzen-window log-likelihood of the test set\n"]
    for dataset in dict.fromkeys(row["dataset"] for row in rows):
        cells = [cells_of(row) for row in rows if row["dataset"] == dataset]
        headings = tuple(heading for heading in COLUMNS.values() if heading)
        parts.append(f"## {dataset}\n\n" + markdown(without_empty_columns([headings, *cells])))
    parts.append(
        "Standard error: of the log-likelihood, over test images (TFD: over folds). Std over seeds, and std in brackets: "
        "the standard deviation of a number over runs that differ in their seed only. Real data: "
        "training images in the place of samples. A score above that line is no sign of better samples: "
        "blurred ones score higher than real ones. FID is on features of the dataset's own classifier, "
        "0 is best; precision: what is drawn looks real; recall: what is real is drawn, too. JSD, of "
        "points, in nats, 0 to 0.69. Training: what the monitor saw, healthy means no failure and says nothing of "
        "the samples; evaluation: what was found wrong with the samples.\n"
    )
    return "\n".join(parts)


def without_empty_columns(rows: list[tuple[str, ...]]) -> list[tuple[str, ...]]:
    """`rows` without columns that are empty below the header, which is the first row."""
    filled = [any(cells) for cells in zip(*rows[1:], strict=True)]
    return [tuple(itertools.compress(row, filled)) for row in rows]


def cells_of(row: Row) -> tuple[str, ...]:
    """The shown cells of a row, in the order of COLUMNS."""
    shown = {key: cell(row.get(key)) for key, heading in COLUMNS.items() if heading}
    for key in AVERAGED:
        deviation = f"{key}_std"
        if deviation in row and deviation not in shown:
            shown[key] += f" (std {row[deviation]:g})"
    shown["log_likelihood"] = f"{row['log_likelihood']:g}"
    if row["published"]:
        shown["model"] += " (published, 2014)"
    return tuple(shown.values())


def cell(value: Any) -> str:
    """A value as text: four significant digits, thousands separated, empty for None."""
    if value is None:
        return ""
    if isinstance(value, int):
        return f"{value:,}"
    return f"{value:.4g}" if isinstance(value, float) else str(value)


def csv_text(rows: list[Row]) -> str:
    """One line for each row of table.md; numbers as they are, for spreadsheets."""
    buffer = io.StringIO()
    writer = csv.DictWriter(buffer, list(COLUMNS), extrasaction="ignore", lineterminator="\n")
    writer.writeheader()
    writer.writerows({**row, "model": row["model"].strip("*")} for row in rows)
    return buffer.getvalue()


def markdown(rows: list[tuple[str, ...]]) -> str:
    """An aligned Markdown table; the first row is the header."""
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
    lines = [
        "| " + " | ".join(c.ljust(w) for c, w in zip(row, widths, strict=True)) + " |"
        for row in rows
    ]
    rule = "|" + "|".join("-" * (width + 2) for width in widths) + "|"
    return "\n".join([lines[0], rule, *lines[1:]]) + "\n"
