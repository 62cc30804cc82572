"""Which precision `precision: auto` is: looked up in a table of processors that were measured.

Nothing is timed during a run, because timings change with what else runs, and a run's bits would change with them.
The table lies outside of this folder, so that a new line in it makes no trained model stale.
"""

import json
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Literal

import torch

from pipeline.io.machine import maker

TABLE = Path(__file__).parents[1] / "processors.json"


@dataclass(frozen=True)
class Products:
    """The largest matrix product of a training step, and whether convolutions make it."""

    kind: Literal["linear", "convolution"]
    multiply_adds: int = 0  # of a linear one: minibatch x inputs x outputs


def choose(name: str, device: torch.device, products: Products) -> str:
    """The precision `name`; `auto` is the one that the table knows to be faster for such `products`.

    On CUDA and MPS, bf16 where the device multiplies it in hardware. On a processor that is not in the table, float32.
    """
    if name != "auto":
        return name
    if device.type != "cpu":
        return "bf16" if multiplies_bf16(device) else "float32"
    start = known().get((processor(), products.kind), (None, ""))[0]
    return "bf16" if start is not None and products.multiply_adds >= start else "float32"


def unmeasured(device: torch.device, products: Products) -> str | None:
    """What to say where the processor has bf16 units and the table no line for it; else None."""
    if device.type != "cpu" or not multiplies_bf16(device):
        return None
    if (processor(), products.kind) in known():
        return None
    return (
        f"precision auto is float32 here: {processor()} with {products.kind} layers is not in "
        f"pipeline/{TABLE.name}. To measure both: python -m benchmarks.training"
    )


def multiplies_bf16(device: torch.device) -> bool:
    """Whether `device` multiplies bf16 in hardware; emulation does not count."""
    if device.type == "cuda":
        return torch.cuda.is_bf16_supported(including_emulation=False)
    return device.type == "cpu" and bool(bf16_units())


def processor() -> str:
    """The CPU's maker and its bf16 units: `AuthenticAMD avx512_bf16`."""
    return " ".join([maker(), *bf16_units()])


def bf16_units() -> list[str]:
    return sorted(
        unit for unit, there in torch.cpu.get_capabilities().items() if "bf16" in unit and there
    )


@cache
def known() -> dict[tuple[str, str], tuple[int | None, str]]:
    """Processor and kind of products -> the size from which bf16 is faster (None: never), and how it was measured."""
    rows = json.loads(TABLE.read_text(encoding="utf-8"))
    return {
        (row["processor"], row["products"]): (row["bf16_from"], row["measured"]) for row in rows
    }
