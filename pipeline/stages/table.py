"""table: the runs of this project, best first, beside real data and the published rows of Table 1."""

import csv
import io
import itertools
import math
import statistics
from collections.abc import Iterator
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
    "seeds": None,  # number of runs that a row is the mean of; empty for one run
    "fid": "FID",
    "precision": "precision",
    "recall": "recall",
    "log_likelihood": "nats",
    "standard_error": "standard error",
    "missing_classes": "missing classes",
    "verdict": "verdict",
    "evaluation": None,  # part of the verdict in table.md
    "jsd": "JSD",
    "steps": "steps",
    "sigma": None,
    "jsd_at_least": None,  # a bound by each run's own D: does not rank runs
    "features": None,  # what FID is computed on; in the heading of table.md
    # a model's own log-likelihood of test images; in tables of their own, one for each kind of data
    "log_p": None,
    "log_p_error": None,
    "log_p_kind": None,
    "log_p_data": None,
    "bits_per_pixel": None,
    # of an entry of `likelihoods:`: distance of the bounds, deviation of the noise, the encoder's bounds
    "log_p_gap": None,
    "noise_sigma": None,
    "elbo": None,
    "iwae": None,
    # the standard deviation over seeds, in rows over seeds; table.md has it beside the mean
    "fid_std": None,
    "precision_std": None,
    "recall_std": None,
    "log_likelihood_std": None,
    "jsd_std": None,
}
AVERAGED = ("fid", "precision", "recall", "log_likelihood", "jsd")  # over seeds
# What FID compares, by the kind of the dataset's feature extractor, for the heading.
FEATURES = {"classifier": "classifier", "components": "PCA", "mixture": "coordinates"}
LEGEND = """\
Sorted by FID (0 is best); runs that differ in their seed only stand together, with their mean below them. Std: the standard \
deviation over these seeds. FID (classifier) is on features of a classifier of the dataset itself, FID (PCA) on principal \
components of images without labels, FID (coordinates) on the points: compare it with the real data above it, never with numbers \
on other features. Precision: what is drawn looks real; recall: what is real is drawn, too. Nats: the paper's measure, the mean \
log-likelihood of the test set under a Parzen window of the samples, with its standard error over test images (TFD: over \
folds); more than real data is no sign of better samples, since blurred ones score higher than real ones. Real data: \
training images in the place of samples. Kind AIS: of G with Gaussian noise of deviation sigma on its pixels, a lower bound on \
average; the gap is its distance from an upper bound on images of the model. Verdict: healthy if neither the monitor of the training nor the evaluation of the \
samples found a fault. JSD, of points: the divergence in nats, 0 to 0.69.
"""
# What a model's own likelihood is of, by `log_p_data`: numbers on one never stand beside those on the other.
LIKELIHOODS = {
    "binarised": "Log-likelihood of binarised test images, nats of a law on bits",
    "dequantised": "Log-likelihood of dequantised test images, nats of a density on [0, 1]",
}
HEALTHY = "healthy"  # of a training: no failure was seen; of a row: and no fault of the samples
Row = dict[str, Any]


def run(
    names: list[str],
    entries: list[str],
    sources: dict[str, str],
    groups: list[list[str]],
    folder: Path,
    table: Path,
    summary: Path,
) -> None:
    """Write `table` (.md), the same as .csv, and all scores to `summary`; deletes scores of removed runs.

    `names`: the runs of params.yaml; `entries`: its likelihoods; `sources`: dataset -> name of its source (mnist, ...); `groups`: runs
    that differ in their seed only; `folder`: of the scores.
    """
    runs = scores_in(folder, names)
    decoders = scores_in(folder / "likelihoods", entries)
    rows = [
        row
        for dataset in sorted({run["dataset"] for run in runs.values()})
        for row in (
            *rows_of(dataset, runs, sources[dataset], groups),
            *decoder_rows(dataset, decoders, runs),
        )
    ]
    write_json(summary, runs | ({"likelihoods": decoders} if decoders else {}))
    write_bytes(table, render(rows).encode())
    write_bytes(table.with_suffix(".csv"), csv_text(rows).encode())


def scores_in(folder: Path, names: list[str]) -> dict[str, dict]:
    """Those of `names`; all others, which were removed from params.yaml, are deleted."""
    for stray in folder.glob("*.json"):
        if stray.stem not in names:
            stray.unlink()
    return {name: read_json(folder / f"{name}.json") for name in names}


def rows_of(dataset: str, runs: dict[str, dict], source: str, groups: list[list[str]]) -> list[Row]:
    """The real-data line and this project's runs, best FID first, then the published rows, most nats first.

    Runs of a group of seeds stand together, sorted by FID, with the row of their mean below them.
    """
    own = {name: run for name, run in runs.items() if run["dataset"] == dataset}
    real = [real_row(run) for run in own.values() if run["real_data"] is not None]
    blocks = [[row] for index, row in enumerate(real) if row not in real[:index]]
    seeds = [group for group in groups if len(group) > 1 and group[0] in own]
    grouped = {name for group in seeds for name in group}
    blocks += [views_of(name, run) for name, run in own.items() if name not in grouped]
    for group in seeds:
        members: list[Row] = [{**own[name], "model": name} for name in group]
        blocks.append([*sorted(members, key=by_fid), over_seeds(group, own)])
    published: list[Row] = [
        {"model": model, "published": True, "log_likelihood": mean, "standard_error": error}
        for model, mean, error in TABLE_1.get(source, [])
    ]
    published.sort(key=lambda row: -row["log_likelihood"])
    # a group of seeds stands where its mean does, which is its last row; a run where its samples do
    blocks.sort(key=lambda block: by_fid(block[-1] if "seeds" in block[-1] else block[0]))
    rows = [row for block in blocks for row in block]
    return [{"published": False, **row, "dataset": dataset} for row in rows + published]


def views_of(name: str, run: dict) -> list[Row]:
    """The row of a run, and below it those of the other ways to look at its samples."""
    main = f" ({run['view']})" if run.get("view") else ""
    others = [
        {"model": f"{name} ({view})", "is_view": True, "features": run["features"], **numbers}
        for view, numbers in run.get("views", {}).items()
    ]
    return [{**run, "model": f"**{name}{main}**", "run": name}, *others]


def decoder_rows(dataset: str, decoders: dict[str, dict], runs: dict[str, dict]) -> Iterator[Row]:
    """What AIS says of runs whose own files have no log p, for the tables of log-likelihoods alone."""
    for name, found in decoders.items():
        if found["dataset"] == dataset:
            run = found["run"]
            words = run if run == name else f"{run}, {name}"
            parzen = {key: runs[run][key] for key in ("log_likelihood", "standard_error")}
            yield {**found, **parzen, "model": f"**{words}**", "published": False, "decoder": True}


def by_fid(row: Row) -> float:
    """Sorts rows by FID, those without one last."""
    return math.inf if row.get("fid") is None else row["fid"]


def over_seeds(group: list[str], runs: dict[str, dict]) -> Row:
    """Mean over runs that differ in their seed, and the standard deviation over them.

    missing_classes: those of the worst run.
    """
    members = [runs[name] for name in group]
    healthy = sum(verdict(run) == HEALTHY for run in members)
    row: Row = {
        "model": f"**{name_of(group)}, mean over {len(group)} seeds**",
        "seeds": len(group),
        "verdict": f"{healthy} of {len(group)} {HEALTHY}",
    }
    for key in AVERAGED:
        values = [run[key] for run in members]
        if None not in values:
            deviation = statistics.stdev(values)
            row[key] = round(statistics.fmean(values), decimals(deviation))
            row[f"{key}_std"] = float(f"{deviation:.2g}")
    if members[0].get("missing_classes") is not None:
        worst = max(members, key=lambda run: run["missing_classes"])
        row |= {key: worst[key] for key in ("missing_classes", "classes_hit")}
    return row


def verdict(row: Row) -> str:
    """What the monitor saw in training and what the evaluation found in the samples, in words."""
    said = {"training": row.get("verdict", HEALTHY), "samples": row.get("evaluation", "-")}
    faults = [
        f"{where}: {what.replace('_', ' ')}"
        for where, what in said.items()
        if what not in (HEALTHY, "-")
    ]
    return "; ".join(faults) or HEALTHY


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
    parts = ["# Results\n"]
    for dataset in dict.fromkeys(row["dataset"] for row in rows):
        own = [row for row in rows if row["dataset"] == dataset]
        parts.append(
            f"## {dataset}\n\n{markdown(shown([row for row in own if not row.get('decoder')]))}"
        )
        for data, heading in LIKELIHOODS.items():
            known = [row for row in own if row.get("log_p_data") == data]
            if known:
                parts.append(f"### {heading}\n\n{markdown(likelihoods(known))}")
    return "\n".join([*parts, LEGEND])


def shown(rows: list[Row]) -> list[tuple[str, ...]]:
    """The headings, then the cells, of one dataset's rows as table.md shows them; no empty columns."""
    kinds = {FEATURES[row["features"]] for row in rows if row.get("features")}
    headings = {key: heading for key, heading in COLUMNS.items() if heading}
    if kinds:
        headings["fid"] += f" ({', '.join(sorted(kinds))})"
    return without_empty_columns([tuple(headings.values()), *map(cells_of, rows)])


def likelihoods(rows: list[Row]) -> list[tuple[str, ...]]:
    """The headings, then the cells, of models that say how probable an image is, the best first."""
    best = sorted(rows, key=lambda row: -row["log_p"])
    cells = [
        (
            str(row["model"]),
            f"{row['log_p']:,.{decimals(row['log_p_error'])}f}",
            f"{row['log_p_error']:.2g}",
            row["log_p_kind"],
            *(nats(row, key) for key in ("log_p_gap", "elbo", "iwae")),
            significant(row["noise_sigma"]) if row.get("noise_sigma") else "",
            f"{row['bits_per_pixel']:.3f}",
            cell(row, "log_likelihood"),
        )
        for row in best
    ]
    headings = (
        *("model", "log p", "standard error", "kind", "gap", "ELBO", "IWAE", "sigma"),
        *("bits per pixel", "Parzen"),
    )
    return without_empty_columns([headings, *cells])


def nats(row: Row, key: str) -> str:
    """A mean with the digits that its standard error leaves known; empty for None."""
    if row.get(key) is None:
        return ""
    return f"{row[key]:,.{decimals(row[f'{key}_error'])}f}"


def without_empty_columns(rows: list[tuple[str, ...]]) -> list[tuple[str, ...]]:
    """`rows` without columns that are empty below the header, which is the first row."""
    filled = [any(cells) for cells in zip(*rows[1:], strict=True)]
    return [tuple(itertools.compress(row, filled)) for row in rows]


def cells_of(row: Row) -> tuple[str, ...]:
    """The shown cells of a row, in the order of COLUMNS."""
    return tuple(cell(row, key) for key, heading in COLUMNS.items() if heading)


def cell(row: Row, key: str) -> str:
    """One number of a row with the digits that are known, or its words; empty for None."""
    value: Any = row.get(key)
    if value is None:
        return ""
    if f"{key}_std" in row:
        return with_deviation(value, row[f"{key}_std"])
    error = row.get("standard_error")
    match key:
        case "model":
            return f"{value} (published, 2014)" if row.get("published") else str(value)
        case "log_likelihood" | "standard_error":
            # the paper's with the digits of the paper
            return f"{value:g}" if row.get("published") else f"{value:.{decimals(error or 0)}f}"
        case "precision" | "recall":
            return f"{value:.3f}"
        case "missing_classes":
            worst = ", worst seed" if value and row.get("seeds") else ""
            return f"{value} of {value + row['classes_hit']}{worst}"
        case "verdict":
            return str(value) if row.get("seeds") else verdict(row)
        case "steps":
            return f"{value:,}"
    return significant(value)


def significant(value: float, digits: int = 3) -> str:
    """`value` with so many significant digits, zeros at the end included; 1.17e-05 below 0.001."""
    if value != 0 and abs(value) < 1e-3:
        return f"{value:.{digits - 1}e}"
    exponent = math.floor(math.log10(abs(value))) if value else 0
    return f"{value:,.{max(0, digits - 1 - exponent)}f}"


def with_deviation(mean: float, deviation: float) -> str:
    """5.72 (std 0.31): both with the digits that the deviation over seeds leaves known."""
    if deviation == 0:
        return f"{mean:g} (std 0)"
    places = decimals(deviation)
    if places > 5:
        return f"{mean:.2e} (std {deviation:.1e})"
    return f"{mean:,.{places}f} (std {deviation:.{places}f})"


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
