"""Real images as the measures take them: their scale, and which of them are chosen."""

import numpy as np
import torch
from torch import Tensor


def to_unit(images: Tensor) -> Tensor:
    """[N, ...] in [-1, 1] -> [N, D] in [0, 1]: the scale on which the paper's numbers were measured."""
    return (images.flatten(1) + 1) / 2


def some(real: Tensor, count: int) -> Tensor:
    """All of `real` as they are, or `count` of them, chosen at random."""
    return real if count >= len(real) else real[chosen_rows(len(real), count)]


def chosen_rows(count: int, chosen: int) -> Tensor:
    """Up to `chosen` of `count` row numbers at random: the same for every run, and the fewer are the first
    of the more. Files have an order (MNIST's test images 5,000 to 9,999 are of other writers)."""
    return torch.from_numpy(np.random.RandomState(0).permutation(count)[:chosen])
