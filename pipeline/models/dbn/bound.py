"""The lower bound of a deep belief net's log-likelihood (Salakhutdinov & Murray 2008, section 4)."""

import torch
import torch.nn.functional as F
from torch import Tensor

from pipeline.models.rbm.energy import Rbm
from pipeline.models.rbm.gibbs import bernoulli

# Shapes: B images, V pixels, H units between the machines.


def of(
    first: Rbm, top: Rbm, log_z: float, v_BV: Tensor, draws: int, stream: torch.Generator
) -> Tensor:
    """E_q[log p(v | h) + log p(h) - log q(h)], float64 [B] in nats, with q(h) the first machine's p(h | v).

    p(h) is the top machine's, whose `log_z` is given. The expectation is a mean over `draws` of h, which
    leaves the bound right on average.
    """
    logits_BH = first.hidden_logits(v_BV)
    means_BH = torch.sigmoid(logits_BH)
    total_B = torch.zeros(len(v_BV), dtype=torch.float64, device=v_BV.device)
    for _ in range(draws):
        h_BH = bernoulli(means_BH, stream)
        total_B += log_bernoulli(first.visible_logits(h_BH), v_BV)
        total_B -= log_bernoulli(logits_BH, h_BH) + top.free_energy(h_BH)
    return total_B / draws - log_z


def log_bernoulli(logits_BU: Tensor, states_BU: Tensor) -> Tensor:
    """Log-probability of states of independent units, float64 [B] in nats."""
    return (states_BU * logits_BU - F.softplus(logits_BU)).sum(1, dtype=torch.float64)
