"""Loss scaling for products in fp16 (Micikevicius 2018, section 3.2)."""

import torch
from torch import Tensor


class LossScale:
    """Multiplies all losses by a factor, so that small gradients do not underflow in fp16.

    A gradient that overflows halves the factor, and its step is skipped; `GROWTH_STEPS` iterations without
    overflow double it (as torch.amp.GradScaler, for any number of steps an iteration).
    """

    START = 2.0**16
    GROWTH_STEPS = 2_000
    LOWEST = 2.0**-14  # an overflow at so small a factor: the run has diverged

    def __init__(self) -> None:
        self.factor = self.START
        self.good = 0  # iterations without overflow in a row
        self.overflowed = False  # in this iteration

    def __call__(self, loss: Tensor) -> Tensor:
        return loss * self.factor

    def unscale(self, gradient: Tensor) -> bool:
        """Divide `gradient` by the factor, in place; False if it overflowed and the step is to be skipped."""
        gradient.div_(self.factor)
        finite = bool(torch.isfinite(gradient).all())
        self.overflowed |= not finite
        return finite

    def next_iteration(self) -> None:
        """Adapt the factor; call it once after every iteration."""
        if self.overflowed:
            self.factor, self.good = max(self.factor / 2, self.LOWEST), 0
        elif self.good + 1 == self.GROWTH_STEPS:
            self.factor, self.good = self.factor * 2, 0
        else:
            self.good += 1
        self.overflowed = False

    def state_dict(self) -> dict:
        return {"factor": self.factor, "good": self.good}

    def load_state_dict(self, state: dict) -> None:
        self.factor, self.good = state["factor"], state["good"]
        self.overflowed = False
