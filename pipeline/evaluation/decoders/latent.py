"""Priors of z as functions of standard normal numbers u, so that all chains move in the space of u.

With z = f(u) and u from N(0, I), z has its prior, and p(x) = E[p(x | f(u))]: no Jacobian is needed.
"""

from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor


def _uniform(u_BZ: Tensor) -> Tensor:
    """sqrt 3 (2 Phi(u) - 1), Phi the normal distribution function: U(-sqrt 3, sqrt 3)."""
    return 3**0.5 * torch.erf(u_BZ / 2**0.5)


def _sphere(u_BZ: Tensor) -> Tensor:
    """sqrt(Z) u / |u|: uniform on the sphere of radius sqrt(Z)."""
    return F.normalize(u_BZ, dim=1) * u_BZ.shape[1] ** 0.5


# by the names of models/gan/noise.py: u [B, Z] -> z [B, Z]
FROM_NORMAL: dict[str, Callable[[Tensor], Tensor]] = {
    "gaussian": lambda u_BZ: u_BZ,
    "uniform": _uniform,
    "sphere": _sphere,
}
