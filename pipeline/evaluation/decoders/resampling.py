"""Chains of an image that count for little give way to copies of those that count (Del Moral et al. 2006)."""

import math

import torch
from torch import Tensor

from pipeline.compute.streams import uniform
from pipeline.evaluation.decoders.hmc import Position

# Shapes: M images, K chains of each, R = M K.

LEAST = 0.5  # of the chains that have to count; with fewer the image's chains are drawn anew


def effective(log_weights_MK: Tensor) -> Tensor:
    """(sum of weights)^2 / sum of their squares, [M]: 1 if one chain outweighs all others, K if all count the same."""
    return 1 / torch.softmax(log_weights_MK, dim=1).square().sum(dim=1)


def resampled(
    at: Position, log_weights_MK: Tensor, stream: torch.Generator, keep_first: bool
) -> tuple[Position, Tensor, Tensor]:
    """Positions and log weights after the images of which too few chains count have drawn theirs anew, each in
    proportion to its weight, and which images [M] did.

    Such an image's chains then weigh the same, and their mean weight is as before: it stays an estimate without
    bias. `keep_first`: the first chain of each image stays, for conditional passes; the others are then drawn
    independently of each other, else evenly spaced, which varies less.
    """
    images, chains = log_weights_MK.shape
    few_M = effective(log_weights_MK) < LEAST * chains
    if not few_M.any():
        return at, log_weights_MK, few_M
    ends_MK = torch.softmax(log_weights_MK, dim=1).cumsum(dim=1)
    if keep_first:
        points_MK = uniform((images, chains), stream).double()
    else:
        own_K = torch.arange(chains, device=few_M.device)
        points_MK = (own_K + uniform((images, 1), stream).double()) / chains
    parents_MK = torch.searchsorted(ends_MK, points_MK).clamp(max=chains - 1)
    if keep_first:
        parents_MK[:, 0] = 0
    stay_K = torch.arange(chains, device=few_M.device)
    parents_MK = torch.where(few_M[:, None], parents_MK, stay_K)
    rows_R = (parents_MK + chains * torch.arange(images, device=few_M.device)[:, None]).flatten()
    mean_M1 = torch.logsumexp(log_weights_MK, dim=1, keepdim=True) - math.log(chains)
    weights_MK = torch.where(few_M[:, None], mean_M1.expand(-1, chains), log_weights_MK)
    return Position(*(each[rows_R] for each in at)), weights_MK, few_M
