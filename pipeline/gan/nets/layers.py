"""Layers that nets are made of."""

from collections.abc import Callable
from functools import reduce
from typing import cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from pipeline.gan import streams

# Shapes: B batch, I inputs of a layer, U units, P pieces of a maxout unit.

ACTIVATIONS: dict[str, Callable[[Tensor], Tensor]] = {
    "relu": F.relu,
    "leaky_relu": lambda x: F.leaky_relu(x, 0.2),
    "tanh": torch.tanh,
    "softplus": F.softplus,
}


class Dropout(nn.Module):
    """Sets a share `rate` of the inputs to 0 and scales the others by 1 / (1 - rate), in training.

    Unlike nn.Dropout it draws from a stream of its own, which a checkpoint can hold.
    """

    def __init__(self, rate: float, stream: torch.Generator):
        super().__init__()
        self.rate = rate
        self.stream = stream

    def forward(self, x_BI: Tensor) -> Tensor:
        if not self.training or self.rate == 0:
            return x_BI
        keep = 1 - self.rate
        # compared with keep, because it is several times faster than bernoulli_
        drawn_BI = streams.uniform(x_BI.shape, self.stream)
        return x_BI * (drawn_BI < keep).to(x_BI.dtype).div_(keep)


class Maxout(torch.autograd.Function):
    """The largest of P pieces, [B, P * U] -> [B, U]; piece p of unit u is column p * U + u.

    One piece gets the gradient, the first among equals. Whole rows of units are compared at a time:
    three times as fast as amax over neighbouring columns.
    """

    @staticmethod
    def forward(ctx, h_BPU: Tensor, pieces: int) -> Tensor:
        largest_BU = reduce(torch.maximum, h_BPU.chunk(pieces, dim=1))
        ctx.save_for_backward(h_BPU, largest_BU)
        ctx.pieces = pieces
        return largest_BU

    @staticmethod
    def backward(ctx, gradient_BU: Tensor) -> tuple[Tensor, None]:  # type: ignore[override]
        h_BPU, largest_BU = ctx.saved_tensors
        gradient_BPU = torch.empty_like(h_BPU)
        pieces = zip(h_BPU.chunk(ctx.pieces, 1), gradient_BPU.chunk(ctx.pieces, 1), strict=True)
        for h_BU, out_BU in pieces:
            # the gradient where h - largest is 0, nothing where it is less; vectorised also in bf16
            out_BU.copy_(torch.ops.aten.threshold_backward(gradient_BU, h_BU - largest_BU, -1e-30))
            gradient_BU = gradient_BU - out_BU
        return gradient_BPU, None


class Hidden(nn.Module):
    """Affine map, optional BatchNorm, nonlinearity; for maxout the largest of `pieces` affine maps."""

    def __init__(self, inputs: int, units: int, activation: str, pieces: int, norm: str):
        super().__init__()
        self.pieces = pieces if activation == "maxout" else 1
        self.activation = ACTIVATIONS.get(activation)
        self.linear = nn.Linear(inputs, units * self.pieces)
        self.norm = nn.BatchNorm1d(units * self.pieces) if norm == "batch" else nn.Identity()

    def forward(self, x_BI: Tensor) -> Tensor:
        h = self.norm(self.linear(x_BI))
        if self.activation is not None:
            return self.activation(h)
        return cast(Tensor, Maxout.apply(h, self.pieces))
