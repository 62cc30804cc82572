"""Between images of 256 levels and continuous numbers.

A density of 256 levels is infinite where a pixel never changes. So each level becomes an interval of width 1/256,
filled uniformly (dequantisation), and a log-likelihood is that of a density on [0, 1]^D.
"""

import torch
from torch import Tensor

from pipeline.compute.streams import uniform

# Shapes: B batch, D pixels of all channels; images are BCHW.

LEVELS = 256


def dequantized(images_BCHW: Tensor, u_BD: Tensor) -> Tensor:
    """Images in [-1, 1] -> [B, D] in [0, 1): (level + u) / 256, `u_BD` from U[0, 1)."""
    level_BD = ((images_BCHW.flatten(1) + 1) * (LEVELS - 1) / 2).round()
    return (level_BD + u_BD) / LEVELS


def drawn(images_BCHW: Tensor, stream: torch.Generator) -> Tensor:
    """[B, D] in [0, 1), each pixel somewhere in its level."""
    return dequantized(images_BCHW, uniform(images_BCHW.flatten(1).shape, stream))


def quantized(x_BD: Tensor, image_shape: tuple[int, ...]) -> Tensor:
    """[B, D] -> images [B, C, H, W] in [-1, 1]: the levels in whose intervals `x_BD` lies.

    What lies outside of [0, 1] becomes the nearest level.
    """
    level_BD = (x_BD * LEVELS).floor().clamp(0, LEVELS - 1)
    return (level_BD * (2 / (LEVELS - 1)) - 1).unflatten(1, image_shape)
