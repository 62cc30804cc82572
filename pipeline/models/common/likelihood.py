"""The log-likelihood that a model can give of an image."""

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Literal

from torch import Tensor

Kind = Literal["exact", "estimate", "bound"]
Data = Literal["binarised", "dequantised"]


@dataclass(frozen=True)
class Likelihood:
    """log p(x) of images, and what it is worth beside others.

    Numbers on binarised images (of a law on {0, 1}^D) and on dequantised grey ones (of a density on
    [0, 1]^D) never stand in one column; bits per pixel are comparable within each.
    """

    kind: Kind  # exact; an estimate (AIS of a normaliser); a lower bound
    data: Data
    how: str  # in words, for people: which draw of bits, how many chains
    of: Callable[
        [Tensor, str], Tensor
    ]  # images [N, C, H, W] in [-1, 1], name of the set -> [N], nats
    error: float | None = None  # of the mean beyond that over test images, nats: of log Z, say
    more: dict[str, Any] = field(default_factory=dict)  # other numbers for theory.json
    # test images [N, C, H, W] in [-1, 1] -> numbers about them for theory.json
    measure: Callable[[Tensor], dict[str, float]] | None = None


def bits_per_pixel(nats: float, pixels: int, data: Data) -> float:
    """Code length of an image over its pixels: of binary ones, or of 256 grey levels for dequantised ones."""
    levels = 256 if data == "dequantised" else 1
    return (math.log(levels) - nats / pixels) / math.log(2)
