"""Section 4 of the paper in numbers: D against D*, and C(G) = -log 4 + 2 JSD(p_data || p_g).

Where p_data is known, both are sums over small cells: the mass of p_data in a cell is exact, that of
p_g the share of very many G(z). For images D itself gives a bound: V(D, G) <= max_D V = C(G).
"""

import math
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

# Shapes: N points, A axes (1 or 2), Q cells. Points outside the box share one more cell.
REACH = 1.25  # of the box, on either side of 0; data lie in [-1, 1]
CELLS_PER_AXIS = {1: 500, 2: 100}
LOG_4 = math.log(4)
SUREST = 2.0**-53  # D is taken to be no nearer to 0 or 1, so that its logarithms are finite


@dataclass(frozen=True)
class Mixture:
    """Equally likely Gaussians of one standard deviation: a density that is known."""

    means_KA: Tensor
    std: float

    @property
    def axes(self) -> int:
        return self.means_KA.shape[1]


def edges(axes: int) -> Tensor:
    """Edges of the cells along one axis, float64 [cells + 1]."""
    return torch.linspace(-REACH, REACH, CELLS_PER_AXIS[axes] + 1, dtype=torch.float64)


def centres(axes: int) -> Tensor:
    """[Q, A]: middles of the cells, in the order of the masses."""
    middles = (edges(axes)[1:] + edges(axes)[:-1]) / 2
    return torch.cartesian_prod(*[middles] * axes).reshape(-1, axes)


def exact_mass(mixture: Mixture) -> Tensor:
    """[Q + 1], sums to 1: the mass of p_data in each cell, and outside."""
    bounds = edges(mixture.axes)
    inside = torch.zeros(CELLS_PER_AXIS[mixture.axes] ** mixture.axes, dtype=torch.float64)
    for mean_A in mixture.means_KA.double():
        per_axis = [torch.special.ndtr((bounds - mean) / mixture.std).diff() for mean in mean_A]
        product = per_axis[0]
        for other in per_axis[1:]:
            product = torch.outer(product, other)
        inside += product.flatten() / len(mixture.means_KA)
    return torch.cat([inside, (1 - inside.sum()).clamp(min=0)[None]])


def counted_mass(points_NA: Tensor, weight_N: Tensor | None = None) -> Tensor:
    """[Q + 1], sums to 1: the share of the points in each cell, and outside; `weight_N`: what each counts, float64."""
    axes = points_NA.shape[1]
    cells = CELLS_PER_AXIS[axes]
    index_NA = ((points_NA.double() + REACH) / (2 * REACH) * cells).floor().long()
    outside_N = ((index_NA < 0) | (index_NA >= cells)).any(dim=1)
    flat_N = sum(index_NA[:, axis] * cells ** (axes - 1 - axis) for axis in range(axes))
    flat_N = torch.where(outside_N, cells**axes, flat_N)
    counted_Q = flat_N.bincount(weight_N, minlength=cells**axes + 1).double()
    return counted_Q / (len(points_NA) if weight_N is None else weight_N.sum())


def c_of_g(data_Q: Tensor, model_Q: Tensor) -> float:
    """E_data log D* + E_g log(1 - D*), D* = p_data / (p_data + p_g): between -log 4 and 0 (theorem 1)."""
    both_Q = data_Q + model_Q
    return (
        (
            torch.xlogy(data_Q, data_Q / both_Q).nan_to_num()
            + torch.xlogy(model_Q, model_Q / both_Q).nan_to_num()
        )
        .sum()
        .item()
    )


def optimum(data_Q: Tensor, model_Q: Tensor) -> Tensor:
    """D* of proposition 1; 1/2 where both densities vanish and D* is undefined."""
    both_Q = data_Q + model_Q
    return torch.where(both_Q > 0, data_Q / both_Q, 0.5)


def divergence(data_Q: Tensor, model_Q: Tensor) -> dict[str, float]:
    """C(G) and the JSD, which no D is needed for."""
    c = c_of_g(data_Q, model_Q)
    return {"c": c, "jsd": (c + LOG_4) / 2}


def against_the_optimum(data_Q: Tensor, model_Q: Tensor, d_Q: Tensor) -> dict[str, float]:
    """Numbers of one moment; `d_Q` is D at the centres of the cells (none for the cell outside).

    The distances of D are means over (p_data + p_g) / 2, in probability: 0 is best, 1 the worst.
    """
    inner = slice(0, len(d_Q))
    weight_Q = (data_Q[inner] + model_Q[inner]) / 2
    log_d_Q, log_not_d_Q = (p_Q.clamp(min=SUREST).log() for p_Q in (d_Q, 1 - d_Q))
    v_of_d = (data_Q[inner] * log_d_Q + model_Q[inner] * log_not_d_Q).sum().item()
    return {
        **divergence(data_Q, model_Q),
        "value": v_of_d,
        "d_to_optimum": (weight_Q * (d_Q - optimum(data_Q, model_Q)[inner]).abs()).sum().item(),
        "d_to_half": (weight_Q * (d_Q - 0.5).abs()).sum().item(),
    }


def value(logit_real_N: Tensor, logit_fake_N: Tensor) -> Tensor:
    """V(D, G) = E[log D(x)] + E[log(1 - D(G(z)))] (eq. 1), in nats; D is the sigmoid of the logits."""
    return F.logsigmoid(logit_real_N).mean() + F.logsigmoid(-logit_fake_N).mean()


def bound(logit_real_N: Tensor, logit_fake_N: Tensor) -> dict[str, float]:
    """V(D, G) on images that D was not trained on, and what it says of the divergence, in nats."""
    found = value(logit_real_N, logit_fake_N).item()
    return {"value": found, "jsd_at_least": max(0.0, (found + LOG_4) / 2)}


def nearest_to(values: list[float], target: float) -> int:
    """Index of the value whose logarithm is nearest to that of `target`; all are positive."""
    return min(range(len(values)), key=lambda i: abs(math.log(max(values[i], 1e-9) / target)))
