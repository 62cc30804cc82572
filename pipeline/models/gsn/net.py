"""The chain of a deep generative stochastic net (Bengio et al. 2014, section 4 and Figure 3)."""

import itertools
from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor, nn

from pipeline.compute.streams import normal, uniform

# Shapes: B chains, D pixels, U units of a layer.


class State(NamedTuple):
    """Where chains are between two steps."""

    x_BD: Tensor  # pixels as the next step sees them, corrupted
    hidden: list[Tensor]  # [B, U] of each hidden layer


class Gsn(nn.Module):
    """Layers of units, each connected to the one below and the one above by the same weights both ways."""

    def __init__(
        self,
        pixels: int,
        hidden: Sequence[int],
        corruption: float,
        noise_std: float,
        stream: torch.Generator,
    ):
        """`corruption`: share of pixels; `noise_std`: of hidden layers from the second on."""
        super().__init__()
        self.corruption = corruption
        self.noise_std = noise_std
        self.sizes = (pixels, *hidden)
        self.weights = nn.ParameterList(
            nn.Parameter(initial(below, above, stream))
            for below, above in itertools.pairwise(self.sizes)
        )
        self.biases = nn.ParameterList(
            nn.Parameter(torch.zeros(units, device=stream.device)) for units in self.sizes
        )

    def start(self, pixels_BD: Tensor, stream: torch.Generator) -> State:
        """At pixels in [0, 1], with all hidden units at 0, as the authors start both training and sampling."""
        hidden = [pixels_BD.new_zeros(len(pixels_BD), units) for units in self.sizes[1:]]
        return State(self.corrupted(pixels_BD, stream), hidden)

    def forward(self, state: State, stream: torch.Generator) -> tuple[State, Tensor]:
        """One step: odd layers given their neighbours, then even ones; the logits [B, D] of the pixels.

        The next step sees bits drawn from these, corrupted; no gradient flows through the draw.
        """
        layers = [state.x_BD, *state.hidden]
        for index in range(1, len(layers), 2):
            layers[index] = self._activated(index, layers, stream)
        for index in range(2, len(layers), 2):
            layers[index] = self._activated(index, layers, stream)
        logits_BD = self._inputs(0, layers).float()
        with torch.no_grad():
            bits_BD = (uniform(logits_BD.shape, stream) < torch.sigmoid(logits_BD)).float()
            seen_BD = self.corrupted(bits_BD, stream)
        return State(seen_BD, layers[1:]), logits_BD

    def corrupted(self, x_BD: Tensor, stream: torch.Generator) -> Tensor:
        """Salt and pepper: each pixel becomes a fair coin with probability `corruption`."""
        hit_BD = uniform(x_BD.shape, stream) < self.corruption
        coins_BD = (uniform(x_BD.shape, stream) < 0.5).to(x_BD.dtype)
        return torch.where(hit_BD, coins_BD, x_BD)

    def _inputs(self, index: int, layers: list[Tensor]) -> Tensor:
        """What the units of a layer add up of their neighbours."""
        total = self.biases[index]
        if index > 0:
            total = total + layers[index - 1] @ self.weights[index - 1]
        if index + 1 < len(layers):
            total = total + layers[index + 1] @ self.weights[index].T
        return total

    def _activated(self, index: int, layers: list[Tensor], stream: torch.Generator) -> Tensor:
        inputs_BU = self._inputs(index, layers).float()
        if index == 1 or self.noise_std == 0:  # authors: the first hidden layer has no noise
            return torch.tanh(inputs_BU)
        before_BU, after_BU = (normal(inputs_BU.shape, stream) * self.noise_std for _ in range(2))
        return torch.tanh(inputs_BU + before_BU) + after_BU


def initial(below: int, above: int, stream: torch.Generator) -> Tensor:
    """Uniform within the square root of 6 / (below + above), as the authors (Glorot & Bengio 2010)."""
    weight = torch.rand((below, above), generator=stream, device=stream.device)
    return (weight * 2 - 1) * (6 / (below + above)) ** 0.5
