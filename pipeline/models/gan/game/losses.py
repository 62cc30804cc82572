"""Pairs of losses, what D and what G minimise, as functions of D's outputs l for a minibatch.

p: density of the data, q: of samples. D* is the D of least loss for a given G. `value` says what D(x) is.
"""

from collections.abc import Callable
from typing import NamedTuple

import torch.nn.functional as F
from torch import Tensor

from pipeline.config.models.gan.losses import is_critic
from pipeline.models.gan.game.targets import Targets

# Shapes: B batch. Data are `real`, samples `fake`.


class Pair(NamedTuple):
    """Both take D's outputs [B] for data and for samples. G's is given None for data where it does not compare
    the two, that is in all pairs but the relativistic one."""

    D: Callable[[Tensor, Tensor], Tensor]
    G: Callable[[Tensor | None, Tensor], Tensor]


def minimax(targets: Targets) -> Pair:
    """-V(D, G) and V(D, G), eq. 1 of the 2014 paper; G's saturates while D wins.

    D(x) = sigmoid(l) is the probability that x is data. D* = p / (p + q), Proposition 1; 1/2 at p = q.
    """
    return Pair(
        D=cross_entropy(targets),
        G=lambda real_B, fake_B: -F.softplus(fake_B).mean(),
    )


def non_saturating(targets: Targets) -> Pair:
    """G minimises -E[log D(G(z))], section 3 of the 2014 paper: the same fixed point, a stronger gradient early on.

    D(x) and D* as for minimax.
    """
    return Pair(
        D=cross_entropy(targets),
        G=lambda real_B, fake_B: F.softplus(-fake_B).mean(),
    )


def label_flip(targets: Targets) -> Pair:
    """G minimises the cross-entropy of D(G(z)) with the targets of data (ganhacks 2); with targets of 1 it is the
    non-saturating loss.

    D(x) and D* as for minimax.
    """
    return Pair(
        D=cross_entropy(targets),
        G=lambda real_B, fake_B: towards(fake_B, targets.of_real(len(fake_B))),
    )


def hinge(_: Targets) -> Pair:
    """E[max(0, 1 - l(x))] + E[max(0, 1 + l(G(z)))] and -E[l(G(z))] (Lim and Ye 2017; Miyato 2018, eq. 16 and 17).

    D(x) = l is a margin. D* = 1 where p > q and -1 where p < q: D's loss is 2 - 2 TV(p, q), and 2 at p = q,
    where every constant in [-1, 1] is best.
    """
    return Pair(
        D=lambda real_B, fake_B: F.relu(1 - real_B).mean() + F.relu(1 + fake_B).mean(),
        G=lambda real_B, fake_B: -fake_B.mean(),
    )


def least_squares(_: Targets) -> Pair:
    """E[(l(x) - b)^2] / 2 + E[(l(G(z)) - a)^2] / 2 and E[(l(G(z)) - c)^2] / 2 with a, b, c = 0, 1, 1 (Mao 2017,
    eq. 2 and 9).

    D(x) = l is a regression of 1 for data and 0 for samples, without bounds. D* = p / (p + q); D's loss is 1/4 at
    p = q.
    """
    return Pair(
        D=lambda real_B, fake_B: ((real_B - 1).square().mean() + fake_B.square().mean()) / 2,
        G=lambda real_B, fake_B: (fake_B - 1).square().mean() / 2,
    )


def wasserstein(_: Targets) -> Pair:
    """E[l(G(z))] - E[l(x)] and -E[l(G(z))] (Arjovsky 2017, eq. 2 and 3).

    D(x) = l is a critic's value, of which only differences count. If no slope of D is above K, -(D's loss) is at
    most K times the earth mover's distance of p and q, and equal to it for D*; without such a limit there is
    no D*. At p = q it is 0.
    """
    return Pair(
        D=lambda real_B, fake_B: fake_B.mean() - real_B.mean(),
        G=lambda real_B, fake_B: -fake_B.mean(),
    )


def relativistic(_: Targets) -> Pair:
    """E[f(l(G(z)) - l(x))] and E[f(l(x) - l(G(z)))] with f(t) = log(1 + e^t), over pairs of one x and one z
    (RpGAN: Jolicoeur-Martineau 2019; R3GAN: Huang 2024, eq. 2).

    D(x) = l is a critic's value; sigmoid(l(x) - l(y)) is the probability that x, not y, is the data of the two.
    D* = log(p / q) + any constant; D's loss is log 2 at p = q.
    """
    return Pair(
        D=lambda real_B, fake_B: F.softplus(fake_B - real_B).mean(),
        G=lambda real_B, fake_B: F.softplus(compared(real_B) - fake_B).mean(),
    )


PAIRS: dict[str, Callable[[Targets], Pair]] = {
    "minimax": minimax,
    "non_saturating": non_saturating,
    "label_flip": label_flip,
    "hinge": hinge,
    "least_squares": least_squares,
    "wasserstein": wasserstein,
    "relativistic": relativistic,
}
COMPARES = ("relativistic",)  # pairs whose loss of G is a function of both outputs


def compared(real_B: Tensor | None) -> Tensor:
    assert real_B is not None
    return real_B


def cross_entropy(targets: Targets) -> Callable[[Tensor, Tensor], Tensor]:
    """D's loss where D(x) is a probability, in nats: `discriminator`, or towards the targets of the run."""

    def loss(real_B: Tensor, fake_B: Tensor) -> Tensor:
        of_real_B, of_fake_B = targets.for_discriminator(len(real_B))
        return towards(real_B, of_real_B) + towards(fake_B, of_fake_B)

    return discriminator if targets.hard else loss


def discriminator(real_B: Tensor, fake_B: Tensor) -> Tensor:
    """-E[log D(x)] - E[log(1 - D(G(z)))], eq. 1 of the 2014 paper. It is 2 log 2 at D = 1/2."""
    return F.softplus(-real_B).mean() + F.softplus(fake_B).mean()


def towards(logit_B: Tensor, target_B: Tensor) -> Tensor:
    """Mean cross-entropy of D(x) with targets, which may lie outside [0, 1] (ganhacks 6: up to 1.2).

    -t log D(x) - (1 - t) log(1 - D(x)) = softplus(l) - t l. Towards 1 it is the non-saturating loss.
    """
    return (F.softplus(logit_B) - target_B * logit_B).mean()


def value(loss: str, output_B: Tensor) -> Tensor:
    """D(x) under the loss of that name: a probability in [0, 1], or the critic's own output."""
    return output_B if is_critic(loss) else output_B.sigmoid()
