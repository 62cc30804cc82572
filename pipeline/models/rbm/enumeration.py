"""Exact log Z of a small restricted Boltzmann machine: the sum over all states of its hidden units."""

import torch
import torch.nn.functional as F
from torch import Tensor

from pipeline.models.rbm.energy import Rbm

MOST_HIDDEN = 20  # 2**20 states: seconds for 784 visible units
BLOCK_STATES = 2**12  # at a time


def log_z(rbm: Rbm) -> Tensor:
    """log Z in nats, in float64 and differentiable; ValueError beyond MOST_HIDDEN hidden units."""
    hidden = len(rbm.hidden_bias_H)
    if hidden > MOST_HIDDEN:
        raise ValueError(f"{hidden} hidden units have too many states; at most {MOST_HIDDEN}")
    exact = rbm.double()
    blocks = [
        torch.logsumexp(h @ exact.hidden_bias_H + F.softplus(exact.visible_logits(h)).sum(1), 0)
        for h in all_states(hidden).to(exact.weight_VH.device).split(BLOCK_STATES)
    ]
    return torch.logsumexp(torch.stack(blocks), 0)


def all_states(units: int) -> Tensor:
    """Every state of `units` binary units, float64 [2**units, units]."""
    numbers = torch.arange(2**units)
    return ((numbers[:, None] >> torch.arange(units)) & 1).double()
