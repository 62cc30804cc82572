"""Nearest neighbours among many points, a block of rows at a time."""

import torch
from torch import Tensor

# Shapes: N points, M others (real ones), F features, P pixels, B rows of a block.
# 20 MB of distances at a time: the allocator maps larger blocks (from 32 MB) anew at each use, which dominates
BLOCK = 500  # rows of a distance matrix
WIDTH = 2_000  # rows and columns of one, in the search for the nearest
RARE = 0.01  # share of real images that by definition count as duplicates, or as copies


def overlap(fake_NF: Tensor, real_MF: Tensor, k: int) -> dict[str, float]:
    """How far two clouds of points cover each other; a point's neighbourhood reaches to its k-th nearest
    of the same cloud.

    precision, recall (Kynkäänniemi et al. 2019): generated points in any real neighbourhood, and the other
    way round. density, coverage (Naeem et al. 2020): generated points per real neighbourhood, in units of
    k; real neighbourhoods that hold any. Each distance is computed once for all four.
    """
    fake_radii_N, real_radii_M = radii(fake_NF, k), radii(real_MF, k)
    precise_N = torch.zeros(len(fake_NF), dtype=torch.bool)
    recalled = inside = covered = 0
    for block_BF, radii_B in zip(real_MF.split(BLOCK), real_radii_M.split(BLOCK), strict=True):
        distances_BN = euclidean(block_BF, fake_NF)
        precise_N |= (distances_BN <= radii_B[:, None]).any(dim=0)
        recalled += int((distances_BN <= fake_radii_N).any(dim=1).sum())
        within_BN = distances_BN < radii_B[:, None]
        inside += int(within_BN.sum())
        covered += int(within_BN.any(dim=1).sum())
    return {
        "precision": precise_N.double().mean().item(),
        "recall": recalled / len(real_MF),
        "density": inside / (k * len(fake_NF)),
        "coverage": covered / len(real_MF),
    }


def radii(points_NF: Tensor, k: int) -> Tensor:
    """[N]: distance of each point to its k-th nearest other point; its nearest is itself."""
    nearest = [
        euclidean(block_BF, points_NF).topk(k + 1, dim=1, largest=False).values[:, k]
        for block_BF in points_NF.split(BLOCK)
    ]
    return torch.cat(nearest)


def euclidean(x_NF: Tensor, y_MF: Tensor) -> Tensor:
    """Distances [N, M]; by differences for up to 16 coordinates, since matrix products lose small distances."""
    few = x_NF.shape[1] <= 16
    mode = "donot_use_mm_for_euclid_dist" if few else "use_mm_for_euclid_dist"
    return torch.cdist(x_NF, y_MF, compute_mode=mode)


def nearest(points_NP: Tensor, others_MP: Tensor, *, without_itself: bool = False) -> Tensor:
    """Distance [N] of each point to the nearest of `others`; with `without_itself` the two are the same set.

    Matrix products find the nearest, differences its distance: that of a copy is 0, not what rounding makes of it.
    """
    least_N = torch.full((len(points_NP),), torch.inf, dtype=points_NP.dtype)
    nearest_N = torch.zeros(len(points_NP), dtype=torch.long)
    for first in range(0, len(others_MP), WIDTH):
        block_CP = others_MP[first : first + WIDTH]
        for start in range(0, len(points_NP), WIDTH):
            distances_BC = euclidean(points_NP[start : start + WIDTH], block_CP)
            if without_itself and start == first:
                distances_BC.fill_diagonal_(torch.inf)
            rows = slice(start, start + WIDTH)
            least_B, column_B = distances_BC.min(dim=1)
            nearest_N[rows] = torch.where(
                least_B < least_N[rows], first + column_B, nearest_N[rows]
            )
            least_N[rows] = least_N[rows].minimum(least_B)
    blocks = zip(points_NP.split(WIDTH), nearest_N.split(WIDTH), strict=True)
    return torch.cat([(block_BP - others_MP[at_B]).norm(dim=1) for block_BP, at_B in blocks])


def share_below_the_rarest(distances_N: Tensor, usual_M: Tensor) -> float:
    """Share of `distances` up to the 1 % quantile of `usual`; 0.01 if both have the same distribution without ties.

    The quantile itself counts: where more than 1 % of the real images are there twice, it is 0, as of every copy.
    """
    return (distances_N <= usual_M.quantile(RARE)).double().mean().item()
