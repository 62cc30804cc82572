"""Annealed importance sampling of log p(x), from below and, for simulated images, from above.

Chains pass through f_t(u) = p(u) p(x|u)^beta_t from the prior at beta = 0 to the posterior at beta = 1, with a
transition of HMC at each beta between them (Neal 2001; Wu et al. 2017, section 3). With step sizes that a pilot
has fixed before, the mean of the weights is p(x) in expectation. So by Jensen its log is a stochastic lower
bound of log p(x). In reverse, from a u of which x was simulated, the weights' mean is 1 / p(x) in
expectation, and minus its log is a stochastic upper bound (bidirectional Monte Carlo; Grosse et al. 2015).
"""

import itertools
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor

from pipeline.compute.streams import normal
from pipeline.evaluation.decoders.hmc import Decode, Position, Target, move

# Shapes: M images, K chains of each, R = M K chains in all, Z latent, D pixels, T temperatures, P of the pilot.

SIGMOID = 4.0  # beta_t follows the logistic function from minus this to this: Wu et al. 2017
FIRST_STEP = 0.5  # of leapfrog at beta = 0, before any is known to be good
SETTLING = 20  # moves at beta = 0 in which the pilot finds its first step size
GAIN = 0.5  # of the pilot: log step += GAIN (acceptance - target)
PILOT_MOVES = 2  # at each of its temperatures
PILOT_SHARE, PILOT_LEAST = 0.1, 50  # temperatures of the pilot, of all and at least
SMOOTHED = 5  # neighbouring temperatures over which the pilot's log steps are averaged

Tick = Callable[[], None]  # called after every move


@dataclass(frozen=True, kw_only=True)
class Annealing:
    """How chains are moved."""

    chains: int  # of each image
    temperatures: int  # steps of beta
    leapfrog_steps: int
    acceptance: float  # that step sizes aim at

    @property
    def pilot_temperatures(self) -> int:
        """Few, since the pilot only finds step sizes."""
        return max(PILOT_LEAST, round(PILOT_SHARE * self.temperatures))

    @property
    def pilot_moves(self) -> int:
        """Moves of the pilot of one batch of chains; none where there are no betas between 0 and 1."""
        return (
            0 if self.temperatures == 1 else SETTLING + PILOT_MOVES * (self.pilot_temperatures - 1)
        )

    @property
    def moves(self) -> int:
        """Moves of one batch of chains from one end to the other."""
        return self.temperatures - 1


class Bound(NamedTuple):
    """Of log p(x) of each image, in nats; all float64 [M]."""

    log_p_M: Tensor
    effective_chains_M: Tensor  # (sum of weights)^2 / sum of their squares: 1 if one outweighs all
    acceptance_M: Tensor  # mean over chains and temperatures


class Sandwich(NamedTuple):
    """Both bounds of log p of images that were simulated from the model."""

    lower: Bound
    upper: Bound


def betas(count: int) -> list[float]:
    """`count` + 1 rising values from 0 to 1, dense at both ends."""
    low, high = _logistic(-SIGMOID), _logistic(SIGMOID)
    inner = [_logistic(SIGMOID * (2 * t / count - 1)) for t in range(1, count)]
    return [0.0, *((value - low) / (high - low) for value in inner), 1.0]


def _logistic(x: float) -> float:
    return 1 / (1 + math.exp(-x))


def lower(
    decode: Decode,
    x_MD: Tensor,
    sigma_M: Tensor,
    latent: int,
    how: Annealing,
    stream: torch.Generator,
    tick: Tick = lambda: None,
) -> Bound:
    """A stochastic lower bound of log p of images `x_MD` in [0, 1]; `latent`: numbers of u."""
    target = _target(decode, x_MD, sigma_M, how)
    steps_TR = pilot(target, latent, how, stream, tick)
    return _forwards(target, steps_TR, x_MD, sigma_M, latent, how, stream, tick)


def sandwich(
    decode: Decode,
    u_MZ: Tensor,
    x_MD: Tensor,
    sigma_M: Tensor,
    how: Annealing,
    stream: torch.Generator,
    tick: Tick = lambda: None,
) -> Sandwich:
    """Both bounds for `x_MD` that were drawn from N(G(u), sigma^2 I) with `u_MZ` from the prior.

    All chains of an image start in reverse from the one exact draw of p(u|x) that there is: its u.
    """
    target = _target(decode, x_MD, sigma_M, how)
    latent = u_MZ.shape[1]
    steps_TR = pilot(target, latent, how, stream, tick)
    below = _forwards(target, steps_TR, x_MD, sigma_M, latent, how, stream, tick)
    start = target.at(u_MZ.repeat_interleave(how.chains, dim=0))
    falling = betas(how.temperatures)[::-1]
    log_weights_R, acceptance_R = anneal(
        target, start, falling, steps_TR.flip(0), how, stream, tick
    )
    above = _bound(log_weights_R, acceptance_R, x_MD, sigma_M, how, sign=-1)
    return Sandwich(below, above)


def _target(decode: Decode, x_MD: Tensor, sigma_M: Tensor, how: Annealing) -> Target:
    repeated = [each.repeat_interleave(how.chains, dim=0) for each in (x_MD, sigma_M)]
    return Target(decode, *repeated)


def _forwards(
    target: Target,
    steps_TR: Tensor,
    x_MD: Tensor,
    sigma_M: Tensor,
    latent: int,
    how: Annealing,
    stream: torch.Generator,
    tick: Tick,
) -> Bound:
    start = target.at(_prior(target, latent, stream))
    rising = betas(how.temperatures)
    log_weights_R, acceptance_R = anneal(target, start, rising, steps_TR, how, stream, tick)
    return _bound(log_weights_R, acceptance_R, x_MD, sigma_M, how, sign=1)


def _prior(target: Target, latent: int, stream: torch.Generator) -> Tensor:
    return normal((len(target.x_RD), latent), stream).to(target.x_RD.dtype)


def anneal(
    target: Target,
    at: Position,
    betas: Sequence[float],
    steps_TR: Tensor,
    how: Annealing,
    stream: torch.Generator,
    tick: Tick,
) -> tuple[Tensor, Tensor]:
    """Along `betas`, rising or falling: sums of (beta_next - beta) log p(x|u), and mean acceptance; float64 [R].

    `steps_TR`: step sizes at the betas between the ends, in the same order.
    """
    log_weights_R = torch.zeros_like(at.log_likelihood_R)
    accepted_R = torch.zeros_like(at.log_likelihood_R)
    for index, (beta, following) in enumerate(itertools.pairwise(betas)):
        log_weights_R += (following - beta) * at.log_likelihood_R
        if index < len(steps_TR):
            at, probability_R = move(
                target, at, following, steps_TR[index], how.leapfrog_steps, stream
            )
            accepted_R += probability_R
            tick()
    return log_weights_R, accepted_R / max(1, len(steps_TR))


def pilot(
    target: Target, latent: int, how: Annealing, stream: torch.Generator, tick: Tick
) -> Tensor:
    """Step sizes [T - 1, R] for the betas between 0 and 1, the same for all chains of an image.

    Found on chains of their own on a short way, so that those that are weighed move independently of the
    step sizes, and both bounds hold exactly.
    """
    if how.temperatures == 1:
        return torch.empty(0, len(target.x_RD), dtype=torch.float64)
    at = target.at(_prior(target, latent, stream))
    log_step_R = torch.full_like(at.log_likelihood_R, math.log(FIRST_STEP))

    def adapt(at: Position, beta: float, log_step_R: Tensor) -> tuple[Position, Tensor]:
        at, probability_R = move(target, at, beta, log_step_R.exp(), how.leapfrog_steps, stream)
        tick()
        of_image_M1 = probability_R.unflatten(0, (-1, how.chains)).mean(dim=1, keepdim=True)
        missed_R = (of_image_M1 - how.acceptance).expand(-1, how.chains).flatten()
        return at, log_step_R + GAIN * missed_R

    for _ in range(SETTLING):
        at, log_step_R = adapt(at, 0.0, log_step_R)
    found = [log_step_R]
    for beta in betas(how.pilot_temperatures)[1:-1]:
        for _ in range(PILOT_MOVES):
            at, log_step_R = adapt(at, beta, log_step_R)
        found.append(log_step_R)
    return _between(_smooth(torch.stack(found)), how.temperatures).exp()


def _smooth(values_PR: Tensor) -> Tensor:
    """Means over SMOOTHED neighbouring rows, fewer at the ends."""
    reach = SMOOTHED // 2
    return torch.stack(
        [values_PR[max(0, p - reach) : p + reach + 1].mean(dim=0) for p in range(len(values_PR))]
    )


def _between(values_PR: Tensor, temperatures: int) -> Tensor:
    """Rows at t = 0, 1/P, ..., (P - 1)/P of the way -> rows at t = 1/T, ..., (T - 1)/T, straight between them."""
    last = len(values_PR) - 1
    at_T = torch.arange(1, temperatures, dtype=torch.float64) * (len(values_PR) / temperatures)
    at_T = at_T.clamp(max=last).to(values_PR.device)
    below_T = at_T.long().clamp(max=max(0, last - 1))
    above_T = (below_T + 1).clamp(max=last)
    return torch.lerp(values_PR[below_T], values_PR[above_T], (at_T - below_T)[:, None])


def _bound(
    log_weights_R: Tensor,
    acceptance_R: Tensor,
    x_MD: Tensor,
    sigma_M: Tensor,
    how: Annealing,
    sign: int,
) -> Bound:
    """`sign`: 1 for weights whose mean is p(x), -1 for 1 / p(x)."""
    weights_MK = log_weights_R.unflatten(0, (-1, how.chains))
    log_sum_M = torch.logsumexp(weights_MK, dim=1)
    shares_MK = torch.exp(weights_MK - log_sum_M[:, None])
    constant_M = x_MD.shape[1] * torch.log(sigma_M.double() * math.sqrt(2 * math.pi))
    return Bound(
        sign * (log_sum_M - math.log(how.chains)) - constant_M,
        1 / shares_MK.square().sum(dim=1),
        acceptance_R.unflatten(0, (-1, how.chains)).mean(dim=1),
    )
