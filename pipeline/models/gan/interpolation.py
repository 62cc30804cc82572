"""Paths through the noise: Figures 1 and 3 of the 2014 paper, and White 2016 (ganhacks 3)."""

import math
from collections.abc import Callable

import torch
from torch import Tensor

from pipeline.config.models.gan.train import Noise
from pipeline.models.gan import noise

# Shapes: Z noise, S points of a path.


def line(a_Z: Tensor, b_Z: Tensor, along_S: Tensor) -> Tensor:
    """[S, Z] from a (0) to b (1): the paper's lines, which stay in a uniform prior's box."""
    return torch.lerp(a_Z, b_Z, along_S[:, None])


def great_circle(a_Z: Tensor, b_Z: Tensor, along_S: Tensor) -> Tensor:
    """[S, Z] from a (0) to b (1) by slerp (White 2016): lines leave the shell of a Gaussian prior.

    The line where a and b point the same way, or in opposite ones: then no great circle is the shortest.
    """
    cosine = torch.nn.functional.cosine_similarity(a_Z, b_Z, dim=0).clamp(-1, 1)
    omega = torch.acos(cosine)
    if omega < 1e-4 or math.pi - omega < 1e-4:
        return line(a_Z, b_Z, along_S)
    way_S1 = along_S[:, None]
    weighted = torch.sin((1 - way_S1) * omega) * a_Z + torch.sin(way_S1 * omega) * b_Z
    return weighted / torch.sin(omega)


PATHS: dict[str, Callable[[Tensor, Tensor, Tensor], Tensor]] = {
    "line": line,
    "great_circle": great_circle,
}


def path_of(prior: str, asked_for: str = "auto") -> str:
    """Key of PATHS; `auto`: the one along which points stay typical of the prior."""
    if asked_for != "auto":
        return asked_for
    return "line" if prior == "uniform" else "great_circle"


def across(prior: Noise, count: int, stream: torch.Generator) -> tuple[Tensor, str]:
    """[count, Z] points of the noise in order, for the lower axis of Figure 1, and what they are.

    Noise of one dimension: all of it, each point standing for as much of the prior. Of more: a path
    between two points drawn from `stream`.
    """
    middles = (torch.arange(count) + 0.5) / count
    if prior.dim == 1 and prior.prior == "uniform":
        return ((middles * 2 - 1) * noise.UNIFORM_REACH)[:, None], "z, uniform"
    if prior.dim == 1 and prior.prior == "gaussian":
        return torch.special.ndtri(middles)[:, None], "z, equal shares of N(0, 1)"
    kind = path_of(prior.prior)
    a_Z, b_Z = noise.PRIORS[prior.prior]((2, prior.dim), stream)
    words = f"z, a {kind.replace('_', ' ')} through {prior.dim} dimensions"
    return PATHS[kind](a_Z, b_Z, torch.linspace(0, 1, count)), words
