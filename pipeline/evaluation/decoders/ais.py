"""Annealed importance sampling of log p(x), from below and, for simulated images, from above.

Chains pass through f_t(u) = p(u) p(x|u)^beta_t from the prior at beta = 0 to the posterior at beta = 1, with a
transition of HMC at each beta between them (Neal 2001; Wu et al. 2017, section 3). Where few chains of an image count,
they are drawn anew in proportion to their weights (sequential Monte Carlo; Del Moral et al. 2006), without which many
more temperatures would be needed. With step sizes that a pilot has fixed before, the mean of the weights is p(x) in
expectation. So by Jensen its log is a stochastic lower bound of log p(x).

Of an x that was simulated from a known u, a chain goes back from u to the prior, and a pass that holds this chain as one
of its own estimates p(x) again. The inverse of this estimate is 1 / p(x) in expectation, so its log is a stochastic upper
bound (bidirectional Monte Carlo; Grosse et al. 2015, section 4).
"""

import itertools
import math
from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from pipeline.compute.streams import normal
from pipeline.evaluation.decoders import pilot
from pipeline.evaluation.decoders.hmc import Decode, Position, Target, move
from pipeline.evaluation.decoders.resampling import effective, resampled
from pipeline.evaluation.decoders.schedule import Annealing, Tick, betas

# Shapes: M images, K chains of each, R = M K chains in all, Z latent, D pixels, T temperatures.


class Bound(NamedTuple):
    """Of log p(x) of each image, in nats; all float64 [M]."""

    log_p_M: Tensor
    effective_chains_M: Tensor  # at the end: 1 if one outweighs all others
    acceptance_M: Tensor  # mean over chains and temperatures
    resamplings_M: Tensor  # how often the chains were drawn anew


class Sandwich(NamedTuple):
    """Both bounds of log p of images that were simulated from the model."""

    lower: Bound
    upper: Bound


def lower(
    decode: Decode,
    x_MD: Tensor,
    sigma_M: Tensor,
    latent: int,
    how: Annealing,
    stream: torch.Generator,
    tick: Tick = lambda chains: None,
) -> Bound:
    """A stochastic lower bound of log p of images `x_MD` in [0, 1]; `latent`: numbers of u."""
    target = _target(decode, x_MD, sigma_M, how)
    steps_TR = pilot.step_sizes(target, _prior(target, latent, stream), how, stream, tick)
    return anneal(target, _prior(target, latent, stream), steps_TR, how, stream, tick)


def sandwich(
    decode: Decode,
    u_MZ: Tensor,
    x_MD: Tensor,
    sigma_M: Tensor,
    how: Annealing,
    stream: torch.Generator,
    tick: Tick = lambda chains: None,
) -> Sandwich:
    """Both bounds for `x_MD` that were drawn from N(G(u), sigma^2 I) with `u_MZ` from the prior.

    Of p(u|x) there is one exact draw, u itself: the chain that goes back starts from it.
    """
    target, latent = _target(decode, x_MD, sigma_M, how), u_MZ.shape[1]
    steps_TR = pilot.step_sizes(target, _prior(target, latent, stream), how, stream, tick)
    below = anneal(target, _prior(target, latent, stream), steps_TR, how, stream, tick)
    alone = Target(decode, x_MD, sigma_M)
    kept = way_back(alone, alone.at(u_MZ), steps_TR[:, :: how.chains], how, stream, tick)
    start = _with_first(_prior(target, latent, stream), kept[0], how)
    return Sandwich(below, anneal(target, start, steps_TR, how, stream, tick, kept))


def _target(decode: Decode, x_MD: Tensor, sigma_M: Tensor, how: Annealing) -> Target:
    repeated = [each.repeat_interleave(how.chains, dim=0) for each in (x_MD, sigma_M)]
    return Target(decode, *repeated)


def _prior(target: Target, latent: int, stream: torch.Generator) -> Position:
    return target.at(normal((len(target.x_RD), latent), stream).to(target.x_RD.dtype))


def _with_first(at: Position, first: Position, how: Annealing) -> Position:
    """`at` with the first chain of each image where `first`, of one chain each, is."""
    found = Position(*(each.clone() for each in at))
    for own, other in zip(found, first, strict=True):
        own[:: how.chains] = other
    return found


def anneal(
    target: Target,
    at: Position,
    steps_TR: Tensor,
    how: Annealing,
    stream: torch.Generator,
    tick: Tick,
    kept: Sequence[Position] | None = None,
) -> Bound:
    """From the prior, where `at` is, to the posterior, with step sizes `steps_TR` at the betas between.

    `kept`: where the first chain of each image is at every beta but the last; the pass is then conditional on it.
    """
    log_weights_MK = at.log_likelihood_R.new_zeros(len(target.x_RD) // how.chains, how.chains)
    accepted_R, drawn_M = torch.zeros_like(at.log_likelihood_R), log_weights_MK[:, 0].clone()
    for index, (beta, following) in enumerate(itertools.pairwise(betas(how.temperatures))):
        log_weights_MK = log_weights_MK + (following - beta) * at.log_likelihood_R.view_as(
            log_weights_MK
        )
        if index < len(steps_TR):
            at, log_weights_MK, few_M = resampled(at, log_weights_MK, stream, kept is not None)
            at, probability_R = move(
                target, at, following, steps_TR[index], how.leapfrog_steps, stream
            )
            if kept is not None:
                at = _with_first(at, kept[index + 1], how)
            accepted_R += probability_R
            drawn_M += few_M
            tick(len(accepted_R))
    constant_M = target.x_RD.shape[1] * torch.log(
        math.sqrt(2 * math.pi) * target.precision_R[:: how.chains] ** -0.5
    )
    return Bound(
        torch.logsumexp(log_weights_MK, dim=1) - math.log(how.chains) - constant_M,
        effective(log_weights_MK),
        (accepted_R / max(1, len(steps_TR))).view_as(log_weights_MK).mean(dim=1),
        drawn_M,
    )


def way_back(
    target: Target,
    at: Position,
    steps_TM: Tensor,
    how: Annealing,
    stream: torch.Generator,
    tick: Tick,
) -> list[Position]:
    """From draws of the posterior, where `at` is, to the prior: where the chains, one of each image, are at every beta
    but the last, in the order of rising betas. HMC is reversible, so its moves serve both ways."""
    way = [at]
    for beta, step_M in zip(betas(how.temperatures)[-2:0:-1], steps_TM.flip(0), strict=True):
        at, _ = move(target, at, beta, step_M, how.leapfrog_steps, stream)
        way.append(at)
        tick(len(way[0].u_RZ))
    return way[::-1]
