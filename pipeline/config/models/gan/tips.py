"""Additions to the game of 2014, all off by default.

"Tip n" is number n of ganhacks (Chintala, Denton, Arjovsky, Mathieu 2016); docs/tips.md has them all.
"""

from typing import Annotated, Any, Literal, Self

from pydantic import BeforeValidator, Field, model_validator

from pipeline.config.base import NotNegative, Positive, Scale, Section


def both_ends(found: Any) -> Any:
    """0.9 means [0.9, 0.9]."""
    return (found, found) if isinstance(found, int | float) else found


Target = Annotated[float, Field(ge=-10, le=10)]
Range = Annotated[tuple[Target, Target], Field(strict=False), BeforeValidator(both_ends)]


class Labels(Section):
    """Targets of D, drawn uniformly for every image (tip 6).

    `real: 0.9` alone is one-sided smoothing (Salimans 2016).
    """

    real: Range = (1.0, 1.0)  # tip 6: [0.7, 1.2]
    fake: Range = (0.0, 0.0)  # tip 6: [0.0, 0.3]
    flip: Annotated[float, Field(ge=0, lt=0.5)] = 0.0  # share of images whose target D gets wrong

    @model_validator(mode="after")
    def the_loss_has_a_minimum(self) -> Self:
        for name, (low, high) in (("real", self.real), ("fake", self.fake)):
            if low > high:
                raise ValueError(f"{name} is [{low:g}, {high:g}]; the lower end comes first")
        real, fake = sum(self.real) / 2, sum(self.fake) / 2
        if not 0 <= fake < real <= 1:
            raise ValueError(
                f"the targets have means {real:g} (real) and {fake:g} (fake); they must be "
                "0 <= fake < real <= 1, or D's loss has no minimum"
            )
        return self


class Replay(Section):
    """Samples of earlier steps shown to D among the fresh ones (tip 8; Shrivastava 2017)."""

    share: Annotated[float, Field(gt=0, lt=1)] = 0.5  # of the samples that D sees
    # images; one that is shown again is on average size / (share * batch_size) updates of D old
    size: Positive = 10_000


class PastPlayers(Section):
    """Earlier players brought back as opponents: D learns from samples of an older G, G from an
    older D, for some steps (tip 8)."""

    every_steps: Positive  # every so many steps the players are stored, and an older pair returns
    for_steps: Positive = 20
    keep: Positive = 3  # pairs; one of them is drawn

    @model_validator(mode="after")
    def opponents_leave_before_the_next(self) -> Self:
        if self.for_steps >= self.every_steps:
            raise ValueError(
                f"for_steps is {self.for_steps}; it must be less than every_steps, {self.every_steps}"
            )
        return self


class Balance(Section):
    """A player is updated only while its loss, in nats, is above a threshold. Tip 11 advises against it;
    it is here for comparison. Thresholds are above 0, as cross-entropies are: a lower one has no effect."""

    # at D = 1/2 the loss of D is log 4 times discriminator_loss_scale, the non-saturating one of G log 2
    train_discriminator_above: Annotated[float, Field(gt=0, le=1e9)] | None = None
    train_generator_above: Annotated[float, Field(gt=0, le=1e9)] | None = None

    @model_validator(mode="after")
    def one_threshold_is_set(self) -> Self:
        if self.train_discriminator_above is None and self.train_generator_above is None:
            raise ValueError("set train_discriminator_above, train_generator_above, or both")
        return self


class FeatureMatching(Section):
    """Adds weight * distance(f(x), f(G(z))) to G's loss, f the inputs of D's last layer (Salimans 2016).

    mean: |E f(x) - E f(G(z))|^2, as published. energy: 2 E|f(x) - f(G(z))| - E|f(x) - f(x')| -
    E|f(G(z)) - f(G(z'))|, which is 0 only where all of the two distributions agree (Székely 2013).
    """

    weight: Scale = 1.0
    distance: Literal["mean", "energy"] = "mean"
    alone: bool = False  # instead of G's loss, as published


class PixelMatching(Section):
    """Adds distances between the pixels of a minibatch and of samples, in the nets' range, to G's loss.

    energy: weight of 2 E|x - G(z)| - E|x - x'| - E|G(z) - G(z')| (Székely 2013; to train nets by it alone:
    Bellemare 2017). nearest: weight of the mean distance of each real image to the nearest sample of the
    minibatch, which leaves no part of the data without samples (Li and Malik 2018, with all samples kept).
    """

    energy: NotNegative = 0.0
    nearest: NotNegative = 0.0

    @model_validator(mode="after")
    def one_of_them_counts(self) -> Self:
        if self.energy == self.nearest == 0:
            raise ValueError(
                "pixel_matching: energy and nearest are both 0, so nothing is matched; set one of them, to 0.1 "
                "say, or leave pixel_matching out"
            )
        return self


class HistoricalAveraging(Section):
    """Adds weight * |theta - mean of theta so far|^2 to both losses (Salimans 2016)."""

    weight: Scale


class AuxiliaryClassifier(Section):
    """Adds weight * cross-entropy of the class to both losses (tip 12; Odena 2017)."""

    weight: Scale = 1.0


class StepsOfD(Section):
    """`k` updates of D for each one of G, from `from_step` on (tip 14)."""

    from_step: Annotated[int, Field(ge=0)]
    k: Positive


def always(found: Any) -> Any:
    """3 means [{from_step: 0, k: 3}]."""
    return ({"from_step": 0, "k": found},) if isinstance(found, int) else found


StepsOfDiscriminator = Annotated[
    tuple[StepsOfD, ...], Field(strict=False, min_length=1), BeforeValidator(always)
]


class Monitor(Section):
    """What is done when a training fails (tip 10).

    warn: print each kind of failure once, with advice, and continue; NaN ends the run without results.
    stop: end the run; samples and verdict are written, and the pipeline continues.
    rollback: return to an earlier healthy state, with new random numbers and lower learning rates, at most
    `rollbacks` times; then stop.
    """

    policy: Literal["warn", "stop", "rollback"] = "warn"
    good_steps: Positive = 500  # a state is stored every so many steps while the run is healthy
    rollbacks: Positive = 3
    # of both learning rates, from each rollback on
    learning_rate_factor: Annotated[float, Field(ge=1e-6, le=1)] = 0.5
