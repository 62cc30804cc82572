"""The text of one cell: a number with the digits that are known, or words."""

from typing import Any

from pipeline.evaluation.rounding import decimals, significant
from pipeline.tables.columns import Row

HEALTHY = "healthy"  # of a training: no failure was seen; of a row: and no fault of the samples


def cell(row: Row, key: str) -> str:
    """Of the column `key`; empty for None."""
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
        case "published_nats":
            return f"{value:g} ± {row['published_error']:g}"
        case "precision" | "recall" | "bits_per_pixel":
            return f"{value:.3f}"
        case "copy_rate":
            return f"{value:.2f}"
        case "missing_classes":
            worst = ", worst seed" if value and row.get("seeds") else ""
            return f"{value} of {value + row['classes_hit']}{worst}"
        case "latent":
            return f"{value:,} of {row['dimensions']:,}"
        case "verdict":
            return str(value) if row.get("seeds") else verdict(row)
        case "steps" | "passes_per_image":
            return f"{value:,}"
        case "log_p" | "log_p_gap" | "elbo" | "iwae":
            return f"{value:,.{decimals(row[f'{key}_error'])}f}"
        case "log_p_error":
            return f"{value:,.{decimals(value)}f}"
        case "log_p_kind":
            return str(value)
    return significant(value)


def verdict(row: Row) -> str:
    """What the monitor saw in training and what the evaluation found in the samples, in words."""
    said = {"training": row.get("verdict", HEALTHY), "samples": row.get("evaluation", "-")}
    faults = [
        f"{where}: {what.replace('_', ' ')}"
        for where, what in said.items()
        if what not in (HEALTHY, "-")
    ]
    return "; ".join(faults) or HEALTHY


def with_deviation(mean: float, deviation: float) -> str:
    """5.72 (std 0.31): both with the digits that the deviation over seeds leaves known."""
    if deviation == 0:
        return f"{mean:g} (std 0)"
    places = decimals(deviation)
    if places > 5:
        return f"{mean:.2e} (std {deviation:.1e})"
    return f"{mean:,.{places}f} (std {deviation:.{places}f})"
