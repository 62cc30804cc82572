"""A moving average of a net's weights."""

from torch import Tensor

from pipeline.config.models.common.ema import Average, ExponentialAverage, PowerAverage


def update_ema(average: Tensor, weights: Tensor, settings: Average, step: int) -> None:
    """Move `average`, in place, towards the `weights` after `step` steps, counted from 1.

    Exponential: average += (1 - decay ** every_steps) * (weights - average), a plain mean until that share
    is the larger one. Power: Karras 2024, eq. 3 and Algorithm 2.
    """
    if step % settings.every_steps:
        return
    times = step // settings.every_steps  # number of averagings so far, this one included
    match settings:
        case ExponentialAverage(decay=decay):
            share = max(1 - decay.at(step) ** settings.every_steps, 1 / times)
        case PowerAverage(exponent=exponent):
            share = 1 - (1 - 1 / times) ** (exponent + 1)
    average.lerp_(weights, share)
