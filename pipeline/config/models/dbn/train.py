"""`runs.R.train` of a deep belief net of two restricted Boltzmann machines, one on the other."""

from typing import ClassVar

from pipeline.config.base import Positive, Section
from pipeline.config.models.rbm import train as rbm


class First(Section):
    """What the first machine, the one of the pixels, has for itself; all else is as of the second."""

    hidden: Positive = 500  # Hinton, Osindero & Teh 2006; Salakhutdinov & Murray 2008
    steps: Positive


class Train(rbm.Train):
    """Settings of the second machine, whose visible units are the hidden ones of the first."""

    family: ClassVar[str] = "dbn"
    nets: ClassVar[tuple[str, ...]] = ("first.hidden", *rbm.Train.nets)

    first: First  # trained to its end before the second begins

    def of_first(self) -> rbm.Train:
        """Settings of the first machine, as of a run of its own."""
        shared = self.model_dump(exclude={"first", "hidden", "steps"})
        return rbm.Train.model_validate(shared | self.first.model_dump())

    def memory(self, pixels: int) -> dict[str, float]:
        below = {f"first.{key}": count for key, count in self.of_first().memory(pixels).items()}
        return below | super().memory(self.first.hidden)
