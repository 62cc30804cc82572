"""How soon a chain forgets the class that it is in."""

import math

import torch
from torch import Tensor

# Shapes: T steps of one chain.


def autocorrelation(labels_T: Tensor, lag: int) -> float:
    """(P(same class) - sum of p^2) / (1 - sum of p^2) of classes `lag` steps apart: 1 if the class never changes, 0 if it is
    independent; p: the chain's own shares of the classes."""
    shares = labels_T.bincount().double() / len(labels_T)
    by_chance = shares.square().sum().item()
    if by_chance == 1:
        return 1.0
    same = (labels_T[lag:] == labels_T[: len(labels_T) - lag]).double().mean().item()
    return (same - by_chance) / (1 - by_chance)


def steps_to_independence(labels_T: Tensor) -> int | None:
    """The first lag at which the autocorrelation is below 1/e; None if none is, up to half of the chain."""
    for lag in range(1, len(labels_T) // 2):
        if autocorrelation(labels_T, lag) < math.exp(-1):
            return lag
    return None


def classes_met(labels_T: Tensor, window: int) -> float:
    """Mean number of different classes in `window` consecutive steps."""
    parts = [part for part in labels_T.split(window) if len(part) == window]
    if not parts:
        return float(len(labels_T.unique()))
    return torch.tensor([len(part.unique()) for part in parts]).double().mean().item()


def change_rate(labels_TB: Tensor) -> float:
    """Share of the steps of chains B at which the class changes."""
    return (labels_TB[1:] != labels_TB[:-1]).double().mean().item()
