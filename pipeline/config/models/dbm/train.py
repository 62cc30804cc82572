"""`runs.R.train` of a deep Boltzmann machine: pixels, a hidden layer, and a second one above it."""

from typing import ClassVar, Literal

from pipeline.config.base import Positive
from pipeline.config.models.rbm import train as rbm


class Train(rbm.Train):
    """Settings of both layers together; `hidden`: units of the first one."""

    family: ClassVar[str] = "dbm"
    nets: ClassVar[tuple[str, ...]] = (*rbm.Train.nets, "top")

    # chains that start at a minibatch would need states of the second layer, which no image has
    persistent: Literal[True] = True
    top: Positive = 1_000  # units of the second hidden layer (Salakhutdinov & Hinton 2009)
    # updates of both hidden layers towards q(h) of an image; fewer leave the bound looser
    mean_field_sweeps: Positive = 10

    def memory(self, pixels: int) -> dict[str, float]:
        units = max(self.hidden * self.top, self.negative_chains * self.top)
        return super().memory(pixels) | {"top": float(units)}
