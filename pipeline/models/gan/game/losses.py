"""Objectives on logits, D(x) = sigmoid(logit): those of the 2014 paper, and one with targets."""

from collections.abc import Callable

import torch.nn.functional as F
from torch import Tensor


def discriminator(logit_real_B: Tensor, logit_fake_B: Tensor) -> Tensor:
    """-E[log D(x)] - E[log(1 - D(G(z)))]: what D minimises, eq. 1. It is 2 log 2 at D = 1/2."""
    return F.softplus(-logit_real_B).mean() + F.softplus(logit_fake_B).mean()


def minimax(logit_fake_B: Tensor) -> Tensor:
    """E[log(1 - D(G(z)))], eq. 1. Saturates while D wins."""
    return -F.softplus(logit_fake_B).mean()


def non_saturating(logit_fake_B: Tensor) -> Tensor:
    """-E[log D(G(z))], section 3: the same fixed point, a stronger gradient early on."""
    return F.softplus(-logit_fake_B).mean()


def towards(logit_B: Tensor, target_B: Tensor) -> Tensor:
    """Mean cross-entropy of D(x) with targets, which may lie outside [0, 1] (ganhacks 6: up to 1.2).

    -t log D(x) - (1 - t) log(1 - D(x)) = softplus(l) - t l. Towards 1 it is the non-saturating loss.
    """
    return (F.softplus(logit_B) - target_B * logit_B).mean()


GENERATOR: dict[str, Callable[[Tensor], Tensor]] = {
    "minimax": minimax,
    "non_saturating": non_saturating,
}
