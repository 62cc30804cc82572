"""Scale and choice of the real images that the measures use."""

import numpy as np
import torch
from torch import Tensor

DIVERGED = 1e12  # no image is as far from [-1, 1]; beyond 1e15 sums of squares overflow in single precision


def to_unit(images: Tensor) -> Tensor:
    """[N, ...] in [-1, 1] -> [N, D] in [0, 1]: the scale on which the paper's numbers were measured."""
    return (images.flatten(1) + 1) / 2


def some(real: Tensor, count: int) -> Tensor:
    """All of `real` as they are, or `count` of them, chosen at random."""
    return real if count >= len(real) else real[chosen_rows(len(real), count)]


def chosen_rows(count: int, chosen: int) -> Tensor:
    """Up to `chosen` of `count` row numbers at random, the same for every run; a smaller choice is the start
    of a larger one. At random, because files are ordered (MNIST's last 5,000 test images have other writers)."""
    return torch.from_numpy(np.random.RandomState(0).permutation(count)[:chosen])
