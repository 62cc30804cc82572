"""Block Gibbs sampling: all hidden units given the visible ones, all visible units given the hidden ones."""

from typing import NamedTuple

import torch
from torch import Tensor

from pipeline.compute.streams import uniform
from pipeline.models.rbm.energy import Rbm

# Shapes: B chains, V visible units, H hidden units.


class Sweep(NamedTuple):
    """Where chains are after some steps."""

    v_BV: Tensor  # states
    visible_means_BV: Tensor  # p(v = 1 | h) from which the states were drawn
    hidden_means_BH: Tensor  # p(h = 1 | v) of the states
    h_BH: Tensor  # states, drawn from those


def bernoulli(means: Tensor, stream: torch.Generator) -> Tensor:
    """States 0.0 or 1.0 with these means in [0, 1]."""
    return (uniform(means.shape, stream) < means).to(means.dtype)


def fair_coins(chains: int, units: int, stream: torch.Generator) -> Tensor:
    """States [chains, units] that know nothing of a model: where a chain starts."""
    return (uniform((chains, units), stream) < 0.5).float()


def sweep(rbm: Rbm, h_BH: Tensor, steps: int, stream: torch.Generator) -> Sweep:
    """`steps` >= 1 steps of each chain from its hidden states; the chains are independent."""
    assert steps >= 1
    for _ in range(steps):
        means_BV = torch.sigmoid(rbm.visible_logits(h_BH))
        v_BV = bernoulli(means_BV, stream)
        means_BH = torch.sigmoid(rbm.hidden_logits(v_BV))
        h_BH = bernoulli(means_BH, stream)
    return Sweep(v_BV, means_BV, means_BH, h_BH)
