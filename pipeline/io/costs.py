"""What a training and its sampling cost. Measurements vary, so they are kept beside the
results in results/R/costs.json, which is no input or output of a stage and has no digest."""

import hashlib
import json
import platform
import resource
import sys
from importlib.metadata import version
from pathlib import Path
from typing import Any

from pipeline.io.files import write_json


def record(path: Path, model: Path, **costs: Any) -> None:
    """Add `costs` to those of the same model in `path`; costs of another model are replaced."""
    write_json(path, {"model_sha256": digest(model), **(read(path, model) or {}), **costs})


def read(path: Path, model: Path) -> dict[str, Any] | None:
    """The costs of exactly this model; None if there are none, or only another model's.

    What is of another kind than its column, such as words for a number, is as not measured.
    """
    try:
        costs = json.loads(path.read_text(encoding="utf-8"))
        of_this_model = costs["model_sha256"] == digest(model)
    except (FileNotFoundError, ValueError, KeyError, TypeError):  # incomplete, or edited by hand
        return None
    return {key: costs[key] for key in costs if fits(key, costs[key])} if of_this_model else None


def fits(key: str, value: Any) -> bool:
    """Whether `value` can stand in the column of that name, if it has one."""
    try:
        return key not in COLUMNS or bool(format(value, COLUMNS[key][1]))
    except (ValueError, TypeError):
        return False


def digest(path: Path) -> str:
    """SHA-256 of a file, in hex."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def peak_memory_mb() -> int:
    """Peak resident memory of this process so far, without a GPU's; 1 MB is 10^6 bytes."""
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return round(peak * (1 if sys.platform == "darwin" else 1024) / 1e6)  # Linux counts KiB


def versions() -> dict[str, str]:
    """Versions of Python and PyTorch."""
    return {"python": platform.python_version(), "torch": version("torch")}


# Columns of the table for people: heading, and the format of the number.
COLUMNS = {
    "train_seconds": ("training (s)", ",.1f"),
    "images_per_second": ("images/s", ",.0f"),
    "sample_seconds": ("sampling (s)", ",.1f"),
    "sample_seconds_per_10000": ("10,000 samples (s)", ",.1f"),
    "parameters": ("parameters", ",d"),
    "peak_memory_mb": ("peak memory (MB)", ",d"),
    "processor": ("trained on", "s"),
}


def table(runs: dict[str, dict[str, Any] | None]) -> str:
    """Costs by run as aligned text; a dash for what was not measured here, or for another model."""
    rows = [["run", *(heading for heading, _ in COLUMNS.values())]]
    for name, found in runs.items():
        cells = found or {}
        rows.append(
            [
                name,
                *(
                    f"{cells[k]:{f}}" if cells.get(k) is not None else "-"
                    for k, (_, f) in COLUMNS.items()
                ),
            ]
        )
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return "\n".join("  ".join(map(str.ljust, row, widths)).rstrip() for row in rows)
