"""How chains are moved from the prior to the posterior, and how many moves that takes."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import ClassVar

# where steps of equal size become steps of equal ratio; log p(x|u) of MNIST varies by hundreds of nats over the prior
START = 0.003
PILOT_SHARE, PILOT_LEAST = 0.1, 50  # temperatures of the pilot, of all and at least

Tick = Callable[[int], None]  # called after every move, with the number of chains that moved


@dataclass(frozen=True, kw_only=True)
class Annealing:
    """How chains are moved."""

    chains: int  # of each image
    temperatures: int  # steps of beta
    leapfrog_steps: int
    acceptance: float  # that step sizes aim at
    settling: ClassVar[int] = 20  # moves at beta = 0 in which the pilot finds its first step size
    pilot_repeats: ClassVar[int] = 2  # moves at each of its temperatures

    @property
    def pilot_temperatures(self) -> int:
        """Few, since the pilot only finds step sizes."""
        return max(PILOT_LEAST, round(PILOT_SHARE * self.temperatures))

    @property
    def pilot_moves(self) -> int:
        """Moves of one chain of the pilot; none where there are no betas between 0 and 1."""
        if self.temperatures == 1:
            return 0
        return self.settling + self.pilot_repeats * (self.pilot_temperatures - 1)

    @property
    def moves(self) -> int:
        """Moves of one chain from one end to the other."""
        return self.temperatures - 1

    @property
    def moves_of_lower(self) -> int:
        """Of all chains of an image, for the lower bound."""
        return self.chains * (self.pilot_moves + self.moves)

    @property
    def moves_of_sandwich(self) -> int:
        """Of all chains of an image, for both bounds: a chain goes back, and a second pass goes past it."""
        return self.moves_of_lower + self.moves + self.chains * self.moves


def betas(count: int) -> list[float]:
    """`count` + 1 values that rise from 0 to 1, most of them by equal ratios.

    At beta log p(x|u) varies in proportion to 1 / beta, so that equal ratios lose equally much; not from 0 on, where
    it varies as over the prior. Measured against the sigmoid of Wu et al. 2017: docs/rivals.md.
    """
    inner = [START * ((1 + 1 / START) ** (t / count) - 1) for t in range(1, count)]
    return [0.0, *inner, 1.0]
