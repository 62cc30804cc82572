"""Between images of 256 levels and the continuous numbers whose density a flow gives.

A density of 256 levels is infinite where a pixel never changes. So each level becomes an interval of width 1/256,
filled uniformly (dequantisation), and a log-likelihood is that of a density on [0, 1]^D.
"""

import math

import torch
from torch import Tensor
from torch.nn import functional as F

# Shapes: B batch, D pixels of all channels; images are BCHW.

LEVELS = 256


def dequantized(images_BCHW: Tensor, u_BD: Tensor) -> Tensor:
    """Images in [-1, 1] -> [B, D] in [0, 1): (level + u) / 256, `u_BD` from U[0, 1)."""
    level_BD = ((images_BCHW.flatten(1) + 1) * (LEVELS - 1) / 2).round()
    return (level_BD + u_BD) / LEVELS


def quantized(x_BD: Tensor, image_shape: tuple[int, ...]) -> Tensor:
    """[B, D] -> images [B, C, H, W] in [-1, 1]: the levels in whose intervals `x_BD` lies.

    What lies outside of [0, 1] becomes the nearest level.
    """
    level_BD = (x_BD * LEVELS).floor().clamp(0, LEVELS - 1)
    return (level_BD * (2 / (LEVELS - 1)) - 1).unflatten(1, image_shape)


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
