"""Log-likelihood under a Gaussian Parzen window, as the 2014 paper measured it.

p(x) = 1/N sum_i N(x; g_i, sigma^2 I) over samples g_i of the generator, pixels in [0, 1]; nats.
Distances come from blocked matrix products, once for all sigmas; sums are kept in float64.
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor

# Shapes: M points to score, N samples, D pixels, S sigmas.
POINTS_BLOCK, SAMPLES_BLOCK = 512, 2048  # 8 MB of float64 at a time; larger blocks are slower
# exp of less than this is nothing beside the largest term, which is 1, but where results would be
# subnormal or 0 it is up to 50 times slower
NEGLIGIBLE = {torch.float32: -80.0, torch.float64: -700.0}


class Samples(Protocol):
    """A tensor [N, D], or anything that gives such a tensor in parts: a million need not fit into memory."""

    def __len__(self) -> int: ...

    def split(self, count: int) -> Iterator[Tensor] | tuple[Tensor, ...]: ...


@dataclass(frozen=True)
class Estimate:
    """Mean over the test points, standard error over them (authors: ddof 0), and how sigma was found."""

    mean: float
    standard_error: float
    sigma: float
    validation: list[
        float
    ]  # mean log-likelihood of the validation points for each sigma of the grid

    def at_edge(self, sigmas: list[float]) -> bool:
        return len(sigmas) > 1 and self.sigma in (sigmas[0], sigmas[-1])


def estimate(
    samples_ND: Samples, valid_MD: Tensor, test_MD: Tensor, sigmas: list[float]
) -> Estimate:
    """Choose sigma by the validation points, then score the test points with it."""
    validation = log_density(valid_MD, samples_ND, sigmas).mean(dim=1)
    sigma = sigmas[int(validation.argmax())]
    scores_M = log_density(test_MD, samples_ND, [sigma])[0]
    error = scores_M.std(correction=0) / math.sqrt(len(scores_M))
    return Estimate(scores_M.mean().item(), error.item(), sigma, validation.tolist())


def log_density(points_MD: Tensor, samples_ND: Samples, sigmas: list[float]) -> Tensor:
    """log p(points) in nats for every sigma: float64 [S, M].

    Computed in the precision of the points: float32 is off by up to about 5e-4 nats at sigma 0.17 for
    images of 784 pixels in [0, 1], and 1/sigma^2 times more below it; float64 by nothing visible.
    Memory does not grow with the number of samples; they may be mapped from a file.
    """
    dims = points_MD.shape[1]
    centre_D = points_MD.mean(dim=0)  # distances stay, products and their rounding errors shrink
    sums = LogSums(len(points_MD), sigmas, points_MD.dtype)
    for samples_CD in samples_ND.split(SAMPLES_BLOCK):
        samples_CD = samples_CD.to(points_MD.dtype) - centre_D
        for start in range(0, len(points_MD), POINTS_BLOCK):
            rows = slice(start, start + POINTS_BLOCK)
            sums.add(rows, points_MD[rows] - centre_D, samples_CD)
    log_sums_SM = sums.result((points_MD - centre_D).double().square().sum(dim=1))
    normalizers = [dims * math.log(s * math.sqrt(2 * math.pi)) for s in sigmas]
    return (
        log_sums_SM
        - math.log(len(samples_ND))
        - torch.tensor(normalizers, dtype=torch.float64)[:, None]
    )


class LogSums:
    """log sum_i exp(-|x - g_i|^2 / (2 sigma^2)) for M points x and S sigmas, over samples g_i that come in blocks.

    With -|x - g|^2 / 2 = x.g - |g|^2 / 2 - |x|^2 / 2, a block is one matrix product with a bias; what
    belongs to x alone is added at the end. Every exponent is taken relative to the largest so far, so
    that none overflows and the largest is exactly 0. Buffers are kept: new ones cost more than exp.
    """

    def __init__(self, points: int, sigmas: list[float], dtype: torch.dtype):
        self.unit = (
            1 / sigmas[0] ** 2
        )  # exponents are kept for the first sigma, others are multiples
        self.factors = [(sigmas[0] / sigma) ** 2 for sigma in sigmas]
        self.largest_M = torch.full((points,), -math.inf, dtype=torch.float64)
        self.sums_SM = torch.zeros(len(sigmas), points, dtype=torch.float64)
        self.exponents_BC = torch.empty(POINTS_BLOCK, SAMPLES_BLOCK, dtype=dtype)
        self.scratch_BC = torch.empty_like(self.exponents_BC) if len(sigmas) > 1 else None

    def add(self, rows: slice, points_BD: Tensor, samples_CD: Tensor) -> None:
        size = (slice(len(points_BD)), slice(len(samples_CD)))
        exponents_BC = self.exponents_BC[size]
        bias_C = samples_CD.square().sum(dim=1).mul_(-self.unit / 2)
        torch.addmm(bias_C, points_BD, samples_CD.T, alpha=self.unit, out=exponents_BC)
        largest_B = torch.maximum(self.largest_M[rows], exponents_BC.amax(dim=1))
        exponents_BC.sub_(largest_B[:, None].to(exponents_BC.dtype))
        fallen_B = self.largest_M[rows] - largest_B
        self.largest_M[rows] = largest_B
        for factor, sums_M in zip(self.factors, self.sums_SM, strict=True):
            terms_BC = exponents_BC
            if self.scratch_BC is not None:
                terms_BC = torch.mul(exponents_BC, factor, out=self.scratch_BC[size])
            terms_B = terms_BC.clamp_(min=NEGLIGIBLE[terms_BC.dtype]).exp_().sum(dim=1)
            sums_M[rows] = sums_M[rows] * (fallen_B * factor).exp() + terms_B

    def result(self, squared_norms_M: Tensor) -> Tensor:
        factors_S = torch.tensor(self.factors, dtype=torch.float64)[:, None]
        exponent_M = self.largest_M - squared_norms_M * (self.unit / 2)
        return self.sums_SM.log() + factors_S * exponent_M
