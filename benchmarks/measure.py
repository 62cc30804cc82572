"""Interleaved timing of alternatives in one process, so that drift of the machine's speed affects all alike."""

import json
import resource
import statistics
import sys
import time
from collections.abc import Callable
from pathlib import Path


def interleaved(alternatives: dict[str, Callable[[], object]], rounds: int) -> dict[str, float]:
    """Median seconds of each, after one uncounted round; A B C, A B C, ..."""
    seconds: dict[str, list[float]] = {name: [] for name in alternatives}
    for index in range(rounds + 1):
        for name, function in alternatives.items():
            started = time.perf_counter()
            function()
            if index:
                seconds[name].append(time.perf_counter() - started)
        print(f"round {index} of {rounds}", file=sys.stderr)
    return {name: statistics.median(each) for name, each in seconds.items()}


def peak_memory_mib() -> float:
    """Peak resident memory of this process since it started."""
    return mib(resource.getrusage(resource.RUSAGE_SELF))


def mib(used: resource.struct_rusage) -> float:
    """Peak resident memory in MiB; ru_maxrss is in KiB, on macOS in bytes."""
    return used.ru_maxrss / (1024 if sys.platform != "darwin" else 1024**2)


def show(title: str, header: tuple[str, ...], rows: list[tuple], save: str) -> None:
    """Print a table on stdout and write the same numbers to benchmarks/SAVE.json."""
    cells = [header, *[tuple(str(cell) for cell in row) for row in rows]]
    widths = [max(len(row[i]) for row in cells) for i in range(len(header))]
    print(f"\n{title}")
    for row in cells:
        print(
            "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        )
    content = [dict(zip(header, row, strict=True)) for row in rows]
    Path(__file__).with_name(f"{save}.json").write_text(json.dumps(content, indent=2) + "\n")
