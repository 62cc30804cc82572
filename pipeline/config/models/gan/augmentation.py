"""`augmentation`: transforms of the images that D sees, and mirrored data; both off by default."""

from typing import Annotated, Self

from pydantic import Field, model_validator

from pipeline.config.base import Positive, Section

Share = Annotated[float, Field(ge=0, le=1)]


class Ada(Section):
    """p rises while D is surer of data than `target`, and falls otherwise (Karras 2020, section 3.1).

    The measure is r_t = E[sign D(x)] over data, D(x) the logit: 0 where D cannot tell, 1 where it knows them all.
    """

    target: Annotated[float, Field(gt=0, lt=1)] = 0.6  # Karras 2020
    every_steps: Positive = 4  # p moves once in so many; Karras 2020
    images: Positive = 500_000  # of data that D sees while p goes from 0 to 1; Karras 2020


class Augmentation(Section):
    """DiffAugment (Zhao 2020): differentiable transforms of all that D sees, data and samples, with a draw for each
    image. `mirror` is not of that kind: it adds flipped images to the data, so G learns to draw such, too."""

    translation: Annotated[float, Field(ge=0, lt=1)] = (
        0.0  # at most, share of a side; Zhao 2020: 0.125
    )
    cutout: Annotated[float, Field(ge=0, lt=1)] = (
        0.0  # side of a grey square, share; Zhao 2020: 0.5
    )
    colour: bool = False  # brightness, saturation (of colour images) and contrast, as published
    p: Share | None = (
        None  # probability of each of the three, for each image; null: 1 (Zhao 2020), or ADA's
    )
    ada: Ada | None = None  # moves p, from 0 on
    mirror: bool = False  # half of the real images are shown flipped, left for right (Karras 2020)

    @property
    def of_inputs(self) -> bool:
        """Whether anything happens to what D sees, beside the mirror."""
        return self.translation > 0 or self.cutout > 0 or self.colour

    @property
    def first_p(self) -> float:
        """p at the start of a training."""
        if self.ada:
            return 0.0
        return 1.0 if self.p is None else self.p

    @model_validator(mode="after")
    def something_is_done(self) -> Self:
        if not self.of_inputs and not self.mirror:
            raise ValueError(
                "none of its transforms is on: set translation, cutout, colour or mirror, or leave augmentation out"
            )
        if self.ada and not self.of_inputs:
            raise ValueError(
                "ada has nothing to apply with its p: set translation, cutout or colour, or leave ada out"
            )
        if self.ada and self.p is not None:
            raise ValueError("ada sets p, from 0 on; leave p out, or ada")
        if not self.of_inputs and self.p is not None:
            raise ValueError(
                "p is of translation, cutout and colour, and none is on (a mirror flips half of the images); leave it out"
            )
        return self
