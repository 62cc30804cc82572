"""`runs.R.train` of two stacked contractive auto-encoders, whose codes a random walk visits."""

from typing import ClassVar, Literal, Self

from pydantic import model_validator

from pipeline.config.base import NotNegative, Positive, Section
from pipeline.config.models.common.learner import Learner


class Layer(Learner):
    """Settings of one auto-encoder."""

    family: ClassVar[str] = "cae"
    # the penalty adds up products of small numbers
    precision: Literal["float32"] = "float32"

    hidden: Positive = 1_024  # units of the code; authors' code
    # weight of the squared norm of the code's Jacobian; authors' code has 0.1 and a gradient half as large
    contraction: NotNegative = 0.05


class First(Section):
    """What the first auto-encoder, the one of the pixels, has for itself; all else is as of the second."""

    hidden: Positive = 1_024  # authors' code
    contraction: NotNegative = 0.05  # as of the second
    steps: Positive


class Train(Layer):
    """Settings of the second auto-encoder, whose inputs are the codes of the first, and of the walk."""

    nets: ClassVar[tuple[str, ...]] = ("first.hidden", "hidden")

    first: First  # trained to its end before the second begins
    # of the noise in the space of codes at each step of the walk (authors' code)
    walk_std: NotNegative = 1.0
    # steps from a training image to a sample; every sample has a walk of its own. Our configuration
    sampling_steps: Positive = 10

    @model_validator(mode="after")
    def the_first_is_averaged_at_least_once(self) -> Self:
        if self.ema and self.ema.every_steps > self.first.steps:
            raise ValueError(
                f"ema.every_steps is {self.ema.every_steps:,} and first.steps {self.first.steps:,}: nothing of the first "
                "auto-encoder would be averaged; set every_steps to first.steps or less"
            )
        return self

    def of_first(self) -> Layer:
        """Settings of the first auto-encoder."""
        shared = self.model_dump(include=set(Layer.model_fields))
        return Layer.model_validate(shared | self.first.model_dump())

    def memory(self, pixels: int) -> dict[str, float]:
        codes = self.first.hidden
        return super().memory(pixels) | {
            "first.hidden": float(codes * max(pixels, self.batch_size)),
            "hidden": float(self.hidden * max(codes, self.batch_size)),
        }
