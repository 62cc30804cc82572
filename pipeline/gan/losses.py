"""Objectives of the 2014 paper, on logits: D(x) = sigmoid(logit)."""

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


GENERATOR: dict[str, Callable[[Tensor], Tensor]] = {
    "minimax": minimax,
    "non_saturating": non_saturating,
}
