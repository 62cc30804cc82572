"""`runs.R.train` of a deep generative stochastic net: a denoising chain through hidden layers."""

import itertools
from typing import Annotated, ClassVar, Self

from pydantic import Field, model_validator

from pipeline.config.base import NotNegative, Positive
from pipeline.config.models.common.learner import HiddenUnits, Learner


class Train(Learner):
    """Settings of a net on grey images, whose pixels are taken for probabilities of bits."""

    family: ClassVar[str] = "gsn"
    nets: ClassVar[tuple[str, ...]] = ("hidden",)

    hidden: HiddenUnits = (1500, 1500)  # authors
    # salt and pepper: share of pixels that become fair coins before each step (authors)
    corruption: Annotated[float, Field(ge=0, le=1)] = 0.4
    # of Gaussian noise before and after tanh in each hidden layer but the first (authors)
    noise_std: NotNegative = 2.0
    # steps of the chain that are unrolled from an image; each has to give the image back (authors)
    walkback_steps: Annotated[int, Field(ge=1, le=100)] = 4
    # steps from a black image to a sample; every sample has a chain of its own. Authors: one chain from a test image
    sampling_steps: Positive = 200

    @model_validator(mode="after")
    def the_top_layer_learns(self) -> Self:
        needed = len(self.hidden) // 2 + 1  # layers are updated by turns, odd and even ones
        if self.walkback_steps < needed:
            raise ValueError(
                f"walkback_steps is {self.walkback_steps}: with {len(self.hidden)} hidden layers no step shows what "
                f"the top one does; set it to {needed} or more"
            )
        return self

    def memory(self, pixels: int) -> dict[str, float]:
        sizes = (pixels, *self.hidden)
        weights = sum(a * b for a, b in itertools.pairwise(sizes))
        states = self.walkback_steps * self.batch_size * sum(sizes)
        return super().memory(pixels) | {"hidden": float(weights + states)}
