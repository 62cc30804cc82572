"""Lloyd's algorithm (1982): each centroid moves to the mean of the points that are nearest to it."""

import torch
from torch import Tensor

# Shapes: N points, K centroids, D coordinates, B points of a block.

BLOCK = 1_000  # points whose distances are in memory at a time


def step(points_ND: Tensor, centroids_KD: Tensor) -> tuple[Tensor, float]:
    """Centroids after a step, and the mean squared distance of a point to the nearest one before it.

    A centroid that no point is nearest to stays. The distance never rises from step to step.
    """
    half_norms_K = centroids_KD.square().sum(1) / 2
    sums_KD, counts_K = torch.zeros_like(centroids_KD), torch.zeros_like(half_norms_K)
    total = 0.0
    for x_BD in points_ND.split(BLOCK):
        # |x - c|^2 / 2 = |x|^2 / 2 + (|c|^2 / 2 - x.c)
        nearest_B = torch.addmm(half_norms_K, x_BD, centroids_KD.T, alpha=-1).argmin(1)
        sums_KD.index_add_(0, nearest_B, x_BD)
        counts_K += torch.bincount(nearest_B, minlength=len(centroids_KD))
        total += (x_BD - centroids_KD[nearest_B]).square().sum(dtype=torch.float64).item()
    means_KD = sums_KD / counts_K[:, None].clamp_min(1)
    return torch.where(counts_K[:, None] > 0, means_KD, centroids_KD), total / len(points_ND)
