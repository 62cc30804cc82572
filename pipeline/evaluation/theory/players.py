"""The two nets at one moment of a training on points, and the noise that is G's input."""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from pipeline.compute.streams import generator
from pipeline.evaluation.theory import quadrature
from pipeline.evaluation.theory.quadrature import Mixture

# Shapes: N points, A axes (1 or 2), Q cells, Z noise; points are [N, A, 1, 1] for the nets.
POINTS = 200_000  # drawn from G for its density
POINTS_BLOCK = 4_000  # at a time, so that activations of G's layers stay in the cache


@dataclass(frozen=True)
class Players:
    """After `step` updates of G. Both work on points in [-1, 1]."""

    step: int
    G: nn.Module  # z -> points
    D: nn.Module  # points -> logits
    average: nn.Module | None  # G with the moving average of its weights


@dataclass(frozen=True)
class Noise:
    """G's input."""

    draw: Callable[[int, torch.Generator], tuple]  # (number of points, stream) -> arguments of G
    seed: int
    line_NZ: Tensor  # points along a line of the noise, each for an equal share of it
    line_name: str  # for the figure's axis

    def stream(self, name: str) -> torch.Generator:
        """A random stream of its own for each `name`."""
        return generator(self.seed, f"theory {name}")


@torch.no_grad()
def mass(G: nn.Module, noise: Noise, kept: Callable[[Tensor], Tensor] | None = None) -> Tensor:
    """[Q + 1]: the share of G(z) in each cell, and outside; the same z for every G.

    `kept`: how probable it is that each of the points [N, A, 1, 1] is kept, [N]; all are if None.
    """
    stream = noise.stream("density")
    counts = [min(POINTS_BLOCK, POINTS - done) for done in range(0, POINTS, POINTS_BLOCK)]
    points = torch.cat([G(*noise.draw(count, stream)) for count in counts])
    return quadrature.counted_mass(points.flatten(1), None if kept is None else kept(points))


@torch.no_grad()
def d_at_centres(D: nn.Module, mixture: Mixture, critic: bool = False) -> Tensor:
    """[Q]: D(x) in the middle of each cell, a probability or the value of a `critic`."""
    output_Q = D(quadrature.centres(mixture.axes).float()[:, :, None, None]).double()
    return output_Q if critic else output_Q.sigmoid()
