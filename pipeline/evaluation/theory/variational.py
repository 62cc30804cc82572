"""Lower bounds of a decoder's log-likelihood that an encoder gives: the ELBO, and closer ones from more draws."""

import math
from collections.abc import Callable
from typing import NamedTuple

import torch
from torch import Tensor

from pipeline.compute.streams import normal

# Shapes: B images, S draws of z for each, Z noise, D pixels.

BLOCK = 2_000  # decoded at a time


class Bounds(NamedTuple):
    """Of log p(x) of each image, [B] in nats, float64."""

    elbo: Tensor
    importance_weighted: Tensor  # never below the ELBO
    effective_samples: (
        Tensor  # (sum of weights)^2 / sum of squares: 1 if one draw outweighs all others
    )


@torch.no_grad()
def bounds(
    decode: Callable[[Tensor], Tensor],
    std: float,
    x_BD: Tensor,
    posterior: tuple[Tensor, Tensor],
    samples: int,
    stream: torch.Generator,
) -> Bounds:
    """Of p(x) = integral of N(x; decode(z), std^2) N(z; 0, I), by `samples` draws of q(z|x) for each image.

    With weights w = p(x|z) p(z) / q(z|x) the ELBO is the mean of log w (Kingma & Welling 2014), the other the log of
    the mean of w (Burda, Grosse, Salakhutdinov 2016, eq. 8). In expectation it rises with `samples` towards log p(x).

    `decode`: [N, Z] -> [N, D]; `posterior`: means and log variances [B, Z] of q, a normal distribution.
    """
    mean_BZ, log_variance_BZ = posterior
    parts = [
        _log_weights(decode, std, x_D, mean_Z, log_variance_Z, samples, stream)
        for x_D, mean_Z, log_variance_Z in zip(x_BD, mean_BZ, log_variance_BZ, strict=True)
    ]
    log_BS = torch.stack(parts)
    log_sum_B = log_BS.logsumexp(dim=1)
    shares_BS = (log_BS - log_sum_B[:, None]).exp()
    return Bounds(
        log_BS.mean(dim=1),
        log_sum_B - math.log(samples),
        1 / shares_BS.square().sum(dim=1),
    )


def _log_weights(
    decode: Callable[[Tensor], Tensor],
    std: float,
    x_D: Tensor,
    mean_Z: Tensor,
    log_variance_Z: Tensor,
    samples: int,
    stream: torch.Generator,
) -> Tensor:
    """log p(x|z) + log p(z) - log q(z|x) of draws of z for one image, float64 [S]."""
    standard_SZ = normal((samples, len(mean_Z)), stream)
    z_SZ = mean_Z + (log_variance_Z / 2).exp() * standard_SZ
    squares_S = torch.cat(
        [(decode(z) - x_D).square().sum(dim=1, dtype=torch.float64) for z in z_SZ.split(BLOCK)]
    )
    log_x_S = -squares_S / (2 * std**2) - len(x_D) * math.log(std * math.sqrt(2 * math.pi))
    # both normal distributions' constants cancel
    ratio_SZ = (standard_SZ.square() - z_SZ.square() + log_variance_Z).double()
    return log_x_S + ratio_SZ.sum(dim=1) / 2
