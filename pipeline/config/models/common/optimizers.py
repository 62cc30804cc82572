"""`optimizer` of either player, with its schedules."""

from typing import Annotated, Any, Literal, Self

from pydantic import AfterValidator, Field, model_validator

from pipeline.config.base import MOST, NotNegative, Positive, Probability, Section
from pipeline.config.models.common.courses import Beta, Course

# 1e3 is 1e-3 mistyped; authors: at most 0.1; float32 rounds weights to 6e-8 of themselves
LearningRate = Annotated[float, Field(ge=1e-15, le=10)]


class Momentum(Section):
    """Momentum, linear from `start` to `end` over epochs; constant if only `start` is given."""

    start: Probability = 0.5
    end: Probability = 0.5
    saturate_epochs: Positive = 1  # required where start and end differ

    @model_validator(mode="before")
    @classmethod
    def constant_without_end(cls, found: Any) -> Any:
        alone = isinstance(found, dict) and "start" in found and "end" not in found
        return found | {"end": found["start"]} if alone else found

    @model_validator(mode="after")
    def duration_is_given(self) -> Self:
        if self.start != self.end and "saturate_epochs" not in self.model_fields_set:
            raise ValueError(
                f"goes from start, {self.start:g}, to end, {self.end:g}, and saturate_epochs is missing: "
                "add in how many epochs (authors: 250)"
            )
        return self


class Constant(Section):
    name: Literal["constant"]


class Exponential(Section):
    """lr / factor_per_update ** updates, not below `floor`."""

    name: Literal["exponential"]
    factor_per_update: Annotated[float, Field(ge=1, le=10)]
    floor: NotNegative = 0.0


class Linear(Section):
    """Linear from lr at the first step to lr * end_factor one step after the last; linear warm-up from
    lr / warmup_steps in the first steps."""

    name: Literal["linear"]
    end_factor: Annotated[float, Field(ge=0, le=1)] = 0.0
    warmup_steps: Annotated[int, Field(ge=0, le=MOST)] = 0


class Cosine(Section):
    """Half a cosine from lr at the first step to lr * end_factor one step after the last; linear warm-up from
    lr / warmup_steps in the first steps."""

    name: Literal["cosine"]
    end_factor: Annotated[float, Field(ge=0, le=1)] = 0.0
    warmup_steps: Annotated[int, Field(ge=0, le=MOST)] = 0


Schedule = Annotated[Constant | Exponential | Linear | Cosine, Field(discriminator="name")]


class Sgd(Section):
    """Classical momentum with the learning rate inside the velocity, as the authors' code."""

    name: Literal["sgd"]
    lr: LearningRate
    schedule: Schedule = Constant(name="constant")
    momentum: Momentum = Momentum()


class Adam(Section):
    """A beta may be a course, {start, end, steps}, in updates of the net, or of G in a game of two."""

    name: Literal["adam"]
    lr: LearningRate
    schedule: Schedule = Constant(name="constant")
    beta1: Beta = Course(start=0.5, end=0.5)  # DCGAN
    beta2: Beta = Course(start=0.999, end=0.999)
    eps: Annotated[float, Field(ge=1e-16, le=1)] = 1e-8  # added to the root of the mean square
    # share of lr by which weights shrink in each step (AdamW: Loshchilov 2019)
    weight_decay: NotNegative = 0.0
    # which weights: all, biases and gains included; or the matrices and kernels that a norm follows, whose scale the
    # norm takes out again, so that decay only keeps steps large beside them (van Laarhoven 2017)
    decayed: Literal["all", "before_norms"] = "all"

    @model_validator(mode="after")
    def something_decays(self) -> Self:
        if self.decayed != "all" and self.weight_decay == 0:
            raise ValueError(
                f"decayed is {self.decayed}, but weight_decay is 0; set weight_decay, too, or leave decayed out"
            )
        return self

    @property
    def decays_before_norms(self) -> bool:
        return self.decayed == "before_norms"


class RmsProp(Section):
    name: Literal["rmsprop"]
    lr: LearningRate
    schedule: Schedule = Constant(name="constant")
    decay: Probability = 0.99  # of the mean square of the gradient


def above_its_floor(optimizer: Sgd | Adam | RmsProp) -> Sgd | Adam | RmsProp:
    found = optimizer.schedule
    if isinstance(found, Exponential) and found.floor > optimizer.lr:
        raise ValueError(
            f"schedule.floor is {found.floor:g} and lr {optimizer.lr:g}: the rate would be the floor from the first update "
            "on; set floor to less than lr"
        )
    return optimizer


Optimizer = Annotated[
    Annotated[Sgd | Adam | RmsProp, Field(discriminator="name")], AfterValidator(above_its_floor)
]
