"""Distributions of independent numbers that a flow maps the data to."""

import math
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional as F

from pipeline.compute import streams


@dataclass(frozen=True)
class Base:
    """The same distribution for each of D numbers; its mean is 0."""

    log_density: Callable[[Tensor], Tensor]  # [B, D] -> [B], in nats
    draw: Callable[[streams.Shape, torch.Generator], Tensor]
    std: float


def _log_logistic(y_BD: Tensor) -> Tensor:
    """-log(1 + e^y) - log(1 + e^-y), NICE, section 3.4."""
    return -(F.softplus(y_BD) + F.softplus(-y_BD)).sum(dim=1)


def _draw_logistic(shape: streams.Shape, stream: torch.Generator) -> Tensor:
    # u of [0, 1) can be 0, of probability 2^-24
    return torch.logit(streams.uniform(shape, stream), eps=1e-7)


def _log_normal(y_BD: Tensor) -> Tensor:
    return -0.5 * (y_BD.square() + math.log(2 * math.pi)).sum(dim=1)


LOGISTIC = Base(_log_logistic, _draw_logistic, std=math.pi / math.sqrt(3))
NORMAL = Base(_log_normal, streams.normal, std=1.0)
