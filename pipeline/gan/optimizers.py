"""Optimisers by name, with the authors' schedules."""

from collections.abc import Iterable

import torch
from torch import Tensor, nn

from pipeline.config import train as config


class ClassicalMomentum(torch.optim.Optimizer):
    """v <- m v - lr g; p <- p + v (pylearn2's SGD).

    torch.optim.SGD keeps lr outside the velocity, which differs as soon as lr decays.
    """

    def __init__(self, params: Iterable[Tensor], lr: float, momentum: float):
        super().__init__(params, {"lr": lr, "momentum": momentum})

    @torch.no_grad()
    def step(self, closure: None = None) -> None:  # type: ignore[override]
        for group in self.param_groups:
            params = [p for p in group["params"] if p.grad is not None]
            velocities = [self.state[p].setdefault("velocity", torch.zeros_like(p)) for p in params]
            torch._foreach_mul_(velocities, group["momentum"])
            torch._foreach_add_(velocities, [p.grad for p in params], alpha=-group["lr"])
            torch._foreach_add_(params, velocities)


def build(optimizer: config.Optimizer, net: nn.Module) -> torch.optim.Optimizer:
    match optimizer:
        case config.Sgd(lr=lr, momentum=momentum):
            return ClassicalMomentum(net.parameters(), lr, momentum.start)
        case config.Adam(lr=lr, beta1=beta1, beta2=beta2):
            return torch.optim.Adam(net.parameters(), lr, (beta1, beta2), fused=True)
    raise TypeError(f"no optimiser for {optimizer!r}")


def schedule(
    optimizer: torch.optim.Optimizer, settings: config.Optimizer, step: int, steps: int, epoch: int
) -> None:
    """Set the learning rate of update `step` of `steps` and the momentum of the `epoch`-th pass (all from 0)."""
    for group in optimizer.param_groups:
        group["lr"] = learning_rate(settings, step, steps)
        if isinstance(settings, config.Sgd):
            group["momentum"] = momentum(settings.momentum, epoch)


def learning_rate(settings: config.Optimizer, step: int, steps: int) -> float:
    match settings.schedule:
        case config.Exponential(factor_per_update=factor, floor=floor):
            return max(settings.lr / factor**step, floor)
        case config.Linear(end_factor=end):
            return settings.lr * (1 + (end - 1) * step / steps)
    return settings.lr


def momentum(settings: config.Momentum, epoch: int) -> float:
    """Authors: 0.5 in the first epoch, 0.7 from the 250th on, a straight line between."""
    share = min(1.0, epoch / max(1, settings.saturate_epochs - 1))
    return settings.start + (settings.end - settings.start) * share
