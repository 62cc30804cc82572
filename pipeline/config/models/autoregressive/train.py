"""`runs.R.train` of a fully visible belief net: p(x) as a product over pixels, each given those before it."""

from typing import Annotated, ClassVar, Literal

from pydantic import Field

from pipeline.config.base import Positive, Section
from pipeline.config.models.common.learner import Binarize, HiddenUnits, Learner


class Fvsbn(Section):
    """A logistic regression for each pixel (Frey, Hinton & Dayan 1996)."""

    name: Literal["fvsbn"]


class Made(Section):
    """One net with masked weights gives all conditionals in a pass (Germain et al. 2015)."""

    name: Literal["made"]
    hidden: HiddenUnits = (
        500,
    )  # the paper's smallest; each wide enough for every pixel to have a unit


class Nade(Section):
    """A hidden layer for each pixel, whose weights they share (Larochelle & Murray 2011)."""

    name: Literal["nade"]
    hidden: Positive = 500  # as published; memory is batch_size * pixels * hidden


Net = Annotated[Fvsbn | Made | Nade, Field(discriminator="name")]


class Train(Learner):
    """Settings of a fully visible belief net on binary images, pixels in raster order."""

    family: ClassVar[str] = "autoregressive"

    binarize: Binarize  # without a default: likelihoods on one are not those on another
    net: Net

    def memory(self, pixels: int) -> dict[str, float]:
        found = super().memory(pixels)
        match self.net:
            case Made(hidden=hidden):
                found["net.hidden"] = float(max(hidden) * max(pixels, self.batch_size, *hidden))
            case Nade(hidden=units):
                found["net.hidden"] = float(self.batch_size * pixels * units)
        return found
