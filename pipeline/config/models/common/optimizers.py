"""`optimizer` of either player, with its schedules."""

from typing import Annotated, Literal

from pydantic import Field

from pipeline.config.base import NotNegative, Positive, Probability, Section


class Momentum(Section):
    """Grows linearly, epoch by epoch."""

    start: Probability = 0.5
    end: Probability = 0.5
    saturate_epochs: Positive = 1


class Constant(Section):
    name: Literal["constant"]


class Exponential(Section):
    """lr / factor_per_update ** updates, not below `floor`."""

    name: Literal["exponential"]
    factor_per_update: Annotated[float, Field(ge=1)]
    floor: NotNegative = 0.0


class Linear(Section):
    """Straight from lr to lr * end_factor at the last step, times a rise from 0 in the first ones."""

    name: Literal["linear"]
    end_factor: Annotated[float, Field(ge=0, le=1)] = 0.0
    warmup_steps: Annotated[int, Field(ge=0)] = 0


Schedule = Annotated[Constant | Exponential | Linear, Field(discriminator="name")]


class Sgd(Section):
    """Classical momentum with the learning rate inside the velocity, as the authors' code."""

    name: Literal["sgd"]
    lr: Annotated[float, Field(gt=0, le=1000)]
    schedule: Schedule = Constant(name="constant")
    momentum: Momentum = Momentum()


class Adam(Section):
    name: Literal["adam"]
    lr: Annotated[float, Field(gt=0, le=1000)]
    schedule: Schedule = Constant(name="constant")
    beta1: Probability = 0.5  # DCGAN
    beta2: Probability = 0.999


class RmsProp(Section):
    name: Literal["rmsprop"]
    lr: Annotated[float, Field(gt=0, le=1000)]
    schedule: Schedule = Constant(name="constant")
    decay: Probability = 0.99  # of the mean square of the gradient


Optimizer = Annotated[Sgd | Adam | RmsProp, Field(discriminator="name")]
