"""Step sizes of HMC for each image and temperature, found before the chains that are weighed."""

import math

import torch
from torch import Tensor

from pipeline.evaluation.decoders.hmc import Position, Target, move
from pipeline.evaluation.decoders.schedule import Annealing, Tick, betas

# Shapes: R chains of all images, T temperatures, P of the pilot, M images.

FIRST_STEP = 0.5  # of leapfrog at beta = 0, before any is known to be good
GAIN = 0.5  # log step += GAIN (acceptance - target)
SMOOTHED = 5  # neighbouring temperatures over which log steps are averaged


def step_sizes(
    target: Target, start: Position, how: Annealing, stream: torch.Generator, tick: Tick
) -> Tensor:
    """[T - 1, R] for the betas between 0 and 1, the same for all chains of an image. `start`: from the prior.

    Found on chains of their own on a short way, so that those that are weighed move independently of the
    step sizes, and both bounds hold exactly.
    """
    if how.temperatures == 1:
        return torch.empty(0, len(target.x_RD), dtype=torch.float64)
    at = start
    log_step_R = torch.full_like(at.log_likelihood_R, math.log(FIRST_STEP))

    def adapt(at: Position, beta: float, log_step_R: Tensor) -> tuple[Position, Tensor]:
        at, probability_R = move(target, at, beta, log_step_R.exp(), how.leapfrog_steps, stream)
        tick(len(at.u_RZ))
        of_image_M1 = probability_R.unflatten(0, (-1, how.chains)).mean(dim=1, keepdim=True)
        missed_R = (of_image_M1 - how.acceptance).expand(-1, how.chains).flatten()
        return at, log_step_R + GAIN * missed_R

    for _ in range(how.settling):
        at, log_step_R = adapt(at, 0.0, log_step_R)
    found = [log_step_R]
    for beta in betas(how.pilot_temperatures)[1:-1]:
        for _ in range(how.pilot_repeats):
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
