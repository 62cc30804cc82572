"""The interval that pixels lie in, and the line that their logits fill."""

import math

import torch
from torch import Tensor
from torch.nn import functional as F

# Shapes: B batch, D pixels of all channels.


def outside(x_BD: Tensor) -> Tensor:
    """Where `x_BD` is outside of [0, 1]: no image has such a pixel."""
    return (x_BD < 0) | (x_BD > 1)


def to_logits(x_BD: Tensor, alpha: float) -> tuple[Tensor, Tensor]:
    """logit(alpha + (1 - 2 alpha) x), and the log of the derivative's product [B].

    Real NVP, section 4.1; the 2 keeps both ends finite.
    """
    s_BD = alpha + (1 - 2 * alpha) * x_BD
    y_BD = torch.logit(s_BD)
    # d logit(s) / ds = 1 / (s (1 - s)), and s = sigmoid(y)
    ladj_BD = math.log(1 - 2 * alpha) + F.softplus(y_BD) + F.softplus(-y_BD)
    return y_BD, ladj_BD.sum(dim=1)


def from_logits(y_BD: Tensor, alpha: float) -> Tensor:
    """The inverse of `to_logits`: numbers in (-alpha, 1 + alpha) / (1 - 2 alpha), not in [0, 1] only."""
    return (torch.sigmoid(y_BD) - alpha) / (1 - 2 * alpha)
