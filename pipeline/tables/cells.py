"""The text of one cell: a number with the digits that are known, or words."""

import math
from typing import Any

from pipeline.evaluation.rounding import decimals
from pipeline.tables.columns import Row
from pipeline.tables.rows import verdict


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
            return f"{value:.2g}"
        case "log_p_kind":
            return str(value)
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
