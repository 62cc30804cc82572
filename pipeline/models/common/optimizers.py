"""Optimisers by name, with the authors' schedules."""

import math
from collections.abc import Iterable

import torch
from torch import Tensor

from pipeline.config.models.common.optimizers import (
    Adam,
    Cosine,
    Exponential,
    Linear,
    Momentum,
    Optimizer,
    RmsProp,
    Sgd,
)


class ClassicalMomentum(torch.optim.Optimizer):
    """v <- m v - lr g; p <- p + v (pylearn2's SGD).

    torch.optim.SGD keeps lr outside the velocity, which differs as soon as lr decays.
    """

    def __init__(self, params: Iterable[Tensor], lr: float, momentum: float):
        super().__init__(params, {"lr": lr, "momentum": momentum})

    @torch.no_grad()
    def step(self, closure: None = None) -> None:  # type: ignore[override]
        for group in self.param_groups:
            for param in group["params"]:
                if "velocity" not in self.state[param]:
                    self.state[param]["velocity"] = torch.zeros_like(param)
                velocity = self.state[param]["velocity"]
                velocity.mul_(group["momentum"]).add_(param.grad, alpha=-group["lr"])
                param.add_(velocity)


class VectorAdam(torch.optim.Adam):
    """Adam of one vector on the CPU, in one pass over memory; its state is that of torch.optim.Adam.

    The gradient is the vector's `grad` but for `apart`: parts of it that are read where they lie, each with its
    place in the vector. A part that `may_be_apart` gives the same bits there as in `grad`.
    """

    def __init__(self, vector: Tensor, settings: Adam):
        decay = of_all_weights(settings)
        super().__init__(
            [vector],
            settings.lr,
            betas(settings, 0),
            settings.eps,
            decay,
            fused=True,
            decoupled_weight_decay=decay > 0,
        )
        self.apart: list[tuple[int, Tensor]] = []  # in the order of their places

    def gather(self) -> None:
        """Copy what is apart into the vector's `grad`."""
        (vector,) = self.param_groups[0]["params"]
        for start, part in self.apart:
            vector.grad[start : start + len(part)].copy_(part)
        self.apart = []

    @torch.no_grad()
    def step(self, closure: None = None) -> None:  # type: ignore[override]
        (group,) = self.param_groups
        (vector,) = group["params"]
        state = self.state[vector]
        if not state:
            state["step"] = torch.zeros(())
            state["exp_avg"], state["exp_avg_sq"] = (torch.zeros_like(vector) for _ in range(2))
        state["step"] += 1
        gradients = in_parts(vector.grad, self.apart)
        sizes = [len(part) for part in gradients]
        fused = torch._fused_adamw_ if group["decoupled_weight_decay"] else torch._fused_adam_
        fused(
            list(vector.detach().split(sizes)),
            gradients,
            list(state["exp_avg"].split(sizes)),
            list(state["exp_avg_sq"].split(sizes)),
            [],
            [state["step"]] * len(sizes),
            lr=group["lr"],
            beta1=group["betas"][0],
            beta2=group["betas"][1],
            weight_decay=group["weight_decay"],
            eps=group["eps"],
            amsgrad=False,
            maximize=False,
        )


# Adam's last numbers that do not fill a register, 16 float32 at most, are rounded otherwise
REGISTER = 16
LARGE = 2**16  # weights from which a copy of their gradient costs more than another call


def may_be_apart(start: int, size: int) -> bool:
    """Whether a gradient of `size` numbers at `start` in the vector is worth it, and gives the same bits."""
    return size >= LARGE and start % REGISTER == 0 and size % REGISTER == 0


def in_parts(whole: Tensor, apart: list[tuple[int, Tensor]]) -> list[Tensor]:
    """The gradient `whole`, cut at the parts that lie `apart`, and those parts in their places."""
    found, position = [], 0
    for start, part in apart:
        found += [whole[position:start], part]
        position = start + len(part)
    return [part for part in [*found, whole[position:]] if len(part)]


# exp(709) is the largest float64; a rate divided by exp(700) is as good as 0
LARGEST_EXPONENT = 700.0
FUSED_ON = ("cuda", "mps")  # other device types with an Adam of one pass over memory


def build(optimizer: Optimizer, vector: Tensor) -> torch.optim.Optimizer:
    """An optimiser of one vector that holds all weights of a player."""
    match optimizer:
        case Sgd(lr=lr, momentum=momentum):
            return ClassicalMomentum([vector], lr, momentum.start)
        case Adam() if vector.device.type == "cpu":
            return VectorAdam(vector, optimizer)
        case Adam(lr=lr, eps=eps):
            decay = of_all_weights(optimizer)
            return torch.optim.Adam(
                [vector],
                lr,
                betas(optimizer, 0),
                eps,
                decay,
                fused=vector.device.type in FUSED_ON,
                decoupled_weight_decay=decay > 0,
            )
        case RmsProp(lr=lr, decay=decay):
            return torch.optim.RMSprop([vector], lr, decay)
    raise TypeError(f"no optimiser for {optimizer!r}")


def of_all_weights(settings: Adam) -> float:
    """Weight decay of all weights alike; a player sees to that of some."""
    return 0.0 if settings.decays_before_norms else settings.weight_decay


def schedule(
    optimizer: torch.optim.Optimizer,
    settings: Optimizer,
    step: int,
    steps: int,
    epoch: int,
    factor: float = 1.0,
) -> None:
    """Set the learning rate of update `step` of `steps`, times `factor`, Adam's betas, and the momentum of
    the `epoch`-th pass (all from 0)."""
    for group in optimizer.param_groups:
        group["lr"] = learning_rate(settings, step, steps) * factor
        if isinstance(settings, Sgd):
            group["momentum"] = momentum(settings.momentum, epoch)
        if isinstance(settings, Adam):
            group["betas"] = betas(settings, step)


def betas(settings: Adam, step: int) -> tuple[float, float]:
    """Adam's of update `step`, counted from 0."""
    return settings.beta1.at(step), settings.beta2.at(step)


def learning_rate(settings: Optimizer, step: int, steps: int) -> float:
    """The learning rate of update `step` of `steps`, counted from 0."""
    match settings.schedule:
        case Exponential(factor_per_update=factor, floor=floor):
            if step * math.log(factor) > LARGEST_EXPONENT:
                return floor
            return max(settings.lr / factor**step, floor)
        case Linear(end_factor=end, warmup_steps=warmup):
            return (
                settings.lr * (1 + (end - 1) * step / steps) * min(1.0, (step + 1) / max(1, warmup))
            )
        case Cosine(end_factor=end, warmup_steps=warmup):
            done = (1 - math.cos(math.pi * step / steps)) / 2
            return settings.lr * (1 + (end - 1) * done) * min(1.0, (step + 1) / max(1, warmup))
    return settings.lr


def momentum(settings: Momentum, epoch: int) -> float:
    """Momentum of pass `epoch` (from 0): linear from `start` to `end`, then constant.

    Authors: 0.5 in the first epoch, 0.7 from the 250th on.
    """
    share = min(1.0, epoch / max(1, settings.saturate_epochs - 1))
    return settings.start + (settings.end - settings.start) * share
