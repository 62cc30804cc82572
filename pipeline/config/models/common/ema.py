"""Moving averages of weights."""

from typing import Annotated, Literal

from pydantic import Field

from pipeline.config.base import NotNegative, Positive, Section
from pipeline.config.models.common.courses import Course, Decay


class ExponentialAverage(Section):
    """Weights of `age` steps ago count decay ** age; until it is that old, all count the same."""

    name: Literal["exponential"]
    decay: Decay = Course(start=0.999, end=0.999)  # a number, or {start, end, steps}
    every_steps: Positive = 1  # averaging less often costs less and changes little


class PowerAverage(Section):
    """Weights of step s count s ** exponent: a horizon that grows with the run (Karras 2024, eq. 3)."""

    name: Literal["power"]
    exponent: NotNegative = 1.0
    every_steps: Positive = 1


Average = Annotated[ExponentialAverage | PowerAverage, Field(discriminator="name")]
