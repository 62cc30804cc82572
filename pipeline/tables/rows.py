"""Rows of the tables, from scores of runs: their order, means over seeds, what is published."""

import math
import statistics
from collections.abc import Iterator
from typing import Any

from pipeline.evaluation.published import TABLE_1, of_system
from pipeline.evaluation.rounding import stored
from pipeline.tables.cells import HEALTHY, cell, verdict
from pipeline.tables.columns import AVERAGED, FEATURES, LIKELIHOODS, SHARED, Row

OF_REAL_DATA = ("real_data", "real_data_error", "real_fid", "real_precision", "real_recall")
OF_AN_ESTIMATE = ("log_p", "log_p_gap", "elbo", "iwae")  # each with its error
OF_A_RUN = {"dataset", "fid", "precision", "recall", "log_likelihood", "standard_error"} | {
    *OF_REAL_DATA
}


def rows_of(dataset: str, runs: dict[str, dict], source: str, groups: list[list[str]]) -> list[Row]:
    """The real-data line and this project's runs, best FID first, then the published rows, most nats first.

    Runs of a group of seeds stand together, sorted by FID, with the row of their mean below them. `source`: the
    name of the dataset's source (mnist, ...), for the published numbers.
    """
    own = {
        name: {**run, **published_beside(run, source)}
        for name, run in runs.items()
        if run["dataset"] == dataset
    }
    real = [real_row(run) for run in own.values() if run["real_data"] is not None]
    blocks = [[row] for row in {as_shown(row): row for row in reversed(real)}.values()]
    seeds = [group for group in groups if len(group) > 1 and group[0] in own]
    grouped = {name for group in seeds for name in group}
    blocks += [views_of(name, run) for name, run in own.items() if name not in grouped]
    for group in seeds:
        members: list[Row] = [{**own[name], "model": name} for name in group]
        blocks.append([*sorted(members, key=by_fid), *over_seeds(group, own)])
    published: list[Row] = [
        {"model": model, "published": True, "log_likelihood": mean, "standard_error": error}
        for model, mean, error in TABLE_1.get(source, [])
    ]
    published.sort(key=lambda row: -row["log_likelihood"])
    blocks.sort(key=lambda block: by_fid(main_row(block)))
    rows = [row for block in blocks for row in block]
    return [{"published": False, **row, "dataset": dataset} for row in rows + published]


def is_scores(found: Any) -> bool:
    """Whether `found`, of a file, is what a row is made of: the scores of a run, not those of another version."""
    if not isinstance(found, dict) or not set(found) >= OF_A_RUN:
        return False
    counted = found.get("missing_classes") is None or "classes_hit" in found
    return counted and found.get("features") in (None, *FEATURES) and has_numbers(found)


def is_estimate(found: Any) -> bool:
    """The same for the scores of an entry of `likelihoods:`."""
    if not isinstance(found, dict) or not set(found) >= {"run", "dataset", "log_p"}:
        return False
    errors = (f"{key}_error" for key in OF_AN_ESTIMATE if found.get(key) is not None)
    return found.get("log_p_data") in LIKELIHOODS and set(found) >= {*errors} and has_numbers(found)


def has_numbers(found: Row) -> bool:
    """Finite ones, or none, wherever the tables expect a number."""
    values = [
        found.get(key) for key in (*AVERAGED, *OF_REAL_DATA, *OF_AN_ESTIMATE, "standard_error")
    ]
    return all(v is None or (isinstance(v, int | float) and math.isfinite(v)) for v in values)


def main_row(block: list[Row]) -> Row:
    """The row that a block stands by: a group's mean, else a run itself; not other views of the samples."""
    means = [row for row in block if "seeds" in row and not row.get("is_view")]
    return means[0] if means else block[0]


def views_of(name: str, run: dict) -> list[Row]:
    """The row of a run, and below it those of the other ways to look at its samples."""
    others = [
        {"model": f"{name} ({view})", "is_view": True, "features": run["features"], **numbers}
        for view, numbers in run.get("views", {}).items()
    ]
    return [{**run, "model": f"**{name}{main_view(run)}**", "run": name}, *others]


def main_view(run: dict) -> str:
    """In brackets, what the samples are of a run that can be looked at in several ways."""
    return f" ({run['view']})" if run.get("view") else ""


def published_beside(run: dict, source: str) -> Row:
    """Table 1's number for the system that the run is one of; {} if it has none."""
    found = of_system(run.get("family"), source)
    return {} if found is None else {"published_nats": found[0], "published_error": found[1]}


def decoder_rows(
    dataset: str, decoders: dict[str, dict], weights: dict[str, str], runs: dict[str, dict]
) -> Iterator[Row]:
    """What AIS says of the G of runs, for the tables of log-likelihoods alone; Parzen's estimate beside it if it is of
    the same G. `weights`: ema or raw, of each of the decoders."""
    for name, found in decoders.items():
        if found["dataset"] == dataset:
            run = found["run"]
            words = run if run == name else f"{run}, {name}"
            parzen = {key: runs[run][key] for key in ("log_likelihood", "standard_error")}
            # scores of an earlier version do not say which weights they are of
            if weights[name] != runs[run].get("weights", weights[name]):
                words, parzen = f"{words} ({weights[name]})", {}
            yield {**found, **parzen, "model": f"**{words}**", "published": False, "decoder": True}


def by_fid(row: Row) -> float:
    """Sorts rows by FID, those without one last."""
    return math.inf if row.get("fid") is None else row["fid"]


def over_seeds(group: list[str], runs: dict[str, dict]) -> list[Row]:
    """Means over runs that differ in their seed, with standard deviations over them: of the samples, and of each
    other way to look at them.

    missing_classes: those of the worst run.
    """
    members = [runs[name] for name in group]
    healthy = sum(verdict(run) == HEALTHY for run in members)
    name, count = name_of(group), len(group)
    row: Row = {
        "model": f"**{name}{main_view(members[0])}, mean over {count} seeds**",
        "group": name,
        "seeds": count,
        "verdict": f"{healthy} of {count} {HEALTHY}",
        **{key: members[0].get(key) for key in (*SHARED, "published_nats", "published_error")},
        **averages(members),
    }
    if members[0].get("missing_classes") is not None:
        worst = max(members, key=lambda run: run["missing_classes"])
        row |= {key: worst[key] for key in ("missing_classes", "classes_hit")}
    others = [
        {
            "model": f"{name} ({view}), mean over {count} seeds",
            "is_view": True,
            "seeds": count,
            **averages([run["views"][view] for run in members]),
        }
        for view in members[0].get("views", {})
    ]
    return [row, *others]


def averages(members: list[dict]) -> Row:
    """Mean and standard deviation of each number that all `members` have."""
    row: Row = {}
    for key in AVERAGED:
        values = [run[key] for run in members if run.get(key) is not None]
        if len(values) == len(members):
            row[key] = stored(statistics.fmean(values))
            row[f"{key}_std"] = stored(statistics.stdev(values))
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


def as_shown(row: Row) -> tuple[str, ...]:
    """What a table says in a row of real data; rows of runs that measured it alike say the same."""
    return tuple(cell(row, key) for key in row)
