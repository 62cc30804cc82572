"""Hamiltonian Monte Carlo on p(u) p(x | u)^beta, u a priori standard normal (Duane et al. 1987; Neal 2011).

Many chains move at once, each row on its own image with its own step size.
"""

from collections.abc import Callable
from typing import NamedTuple

import torch
from torch import Tensor

from pipeline.compute.streams import normal, uniform

# Shapes: R chains of all images, Z latent, D pixels.

# Each path's step size is the given one times a number from U(1 - JITTER, 1 + JITTER): paths of a fixed length may
# come back to where they started (Neal 2011, section 3.2). The draw depends on no position, so both stay valid.
JITTER = 0.2

Decode = Callable[[Tensor], Tensor]  # u [R, Z] -> the mean of p(x | u), [R, D] in [0, 1]


class Position(NamedTuple):
    """Where chains are, and what is known there."""

    u_RZ: Tensor
    log_likelihood_R: (
        Tensor  # -|x - G(u)|^2 / (2 sigma^2), float64: log p(x | u) without its constant
    )
    gradient_RZ: Tensor  # of it in u


class Target:
    """log p(x | u) of an image x and a deviation sigma for each chain."""

    def __init__(self, decode: Decode, x_RD: Tensor, sigma_R: Tensor):
        """`x_RD` in [0, 1]; `sigma_R` on the same scale."""
        self.decode = decode
        self.x_RD = x_RD
        self.precision_R = sigma_R.double() ** -2

    def at(self, u_RZ: Tensor) -> Position:
        """The log-likelihood and its gradient at `u_RZ`."""
        with torch.enable_grad():
            u_RZ = u_RZ.detach().requires_grad_()
            residual_RD = self.decode(u_RZ) - self.x_RD
            squares_R = residual_RD.square().sum(dim=1, dtype=torch.float64)
            log_likelihood_R = squares_R * self.precision_R / -2
            (gradient_RZ,) = torch.autograd.grad(log_likelihood_R.sum(), u_RZ)
        return Position(u_RZ.detach(), log_likelihood_R.detach(), gradient_RZ)


def leapfrog(
    target: Target, at: Position, p_RZ: Tensor, beta: float, step_R: Tensor, count: int
) -> tuple[Position, Tensor]:
    """`count` steps of the Hamiltonian |u|^2/2 - beta log p(x|u) + |p|^2/2; one gradient each.

    Reversible, and keeps volumes, whatever the gradient is worth (Neal 2011, section 2.3).
    """
    step_R1 = step_R[:, None].to(p_RZ.dtype)
    p_RZ = p_RZ + step_R1 / 2 * force(at, beta)
    for remaining in reversed(range(count)):
        at = target.at(at.u_RZ + step_R1 * p_RZ)
        p_RZ = p_RZ + (step_R1 if remaining else step_R1 / 2) * force(at, beta)
    return at, p_RZ


def force(at: Position, beta: float) -> Tensor:
    """Minus the gradient of the potential energy, [R, Z]."""
    return beta * at.gradient_RZ - at.u_RZ


def energy(at: Position, p_RZ: Tensor, beta: float) -> Tensor:
    """The Hamiltonian, float64 [R]."""
    squares_R = at.u_RZ.double().square().sum(dim=1) + p_RZ.double().square().sum(dim=1)
    return squares_R / 2 - beta * at.log_likelihood_R


def move(
    target: Target,
    at: Position,
    beta: float,
    step_R: Tensor,
    leapfrog_steps: int,
    stream: torch.Generator,
) -> tuple[Position, Tensor]:
    """One transition that leaves p(u) p(x|u)^beta as it is; also each chain's probability of acceptance, float64 [R].

    A path that leaves the floating-point numbers is rejected.
    """
    p_RZ = normal(at.u_RZ.shape, stream).to(at.u_RZ.dtype)
    step_R = step_R * (1 + JITTER * (2 * uniform(step_R.shape, stream) - 1))
    end, end_p_RZ = leapfrog(target, at, p_RZ, beta, step_R, leapfrog_steps)
    gain_R = energy(at, p_RZ, beta) - energy(end, end_p_RZ, beta)
    probability_R = torch.nan_to_num(gain_R, nan=-torch.inf).clamp(max=0).exp()
    accepted_R = uniform(probability_R.shape, stream).double() < probability_R
    return chosen(accepted_R, end, at), probability_R


def chosen(which_R: Tensor, those: Position, others: Position) -> Position:
    """`those` in rows where `which_R` is true, elsewhere `others`."""
    return Position(
        torch.where(which_R[:, None], those.u_RZ, others.u_RZ),
        torch.where(which_R, those.log_likelihood_R, others.log_likelihood_R),
        torch.where(which_R[:, None], those.gradient_RZ, others.gradient_RZ),
    )
