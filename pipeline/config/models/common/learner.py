"""What a family of one net is told about its training, whatever the net is."""

from typing import Annotated, ClassVar, Literal, Self

from pydantic import Field, model_validator

from pipeline.config.base import Positive, Reproducible, Section
from pipeline.config.models.common.ema import Average
from pipeline.config.models.common.optimizers import Adam, Optimizer
from pipeline.config.models.common.reproducible import check_reproducible

# How grey pixels become bits, 1 with the pixel's value in [0, 1] as its probability: drawn anew for every
# minibatch, or once for all; or 1 above one half. Likelihoods on one are not those on another.
Binarize = Literal["dynamic", "fixed", "threshold"]


class Learner(Section):
    """One net learns by the gradient of one loss, in nats per image."""

    family: ClassVar[str]  # of pipeline.models.FAMILIES
    devices: ClassVar[int] = 1  # these nets are small: one device is enough
    compile: ClassVar[bool] = False
    # keys of what a net is: a run that starts from another's model (`continued:`) has the same values there
    nets: ClassVar[tuple[str, ...]] = ()

    steps: Positive
    batch_size: Positive
    optimizer: Optimizer
    ema: Average | None = None  # moving average of the weights, to draw and evaluate with
    # of matrix products; weights, sums and losses stay float32; auto as for a GAN
    precision: Literal["auto", "float32", "tf32", "bf16"] = "float32"
    device: Literal["auto", "cpu", "cuda", "mps"] = "auto"
    # the same bits here, or on every x86-64 processor with AVX2, which takes longer
    reproducible: Reproducible = "here"
    log_steps: Positive = 100  # a row of training.tsv every so many steps
    grid_steps: Positive = 1_000  # a picture every so many steps

    @model_validator(mode="after")
    def all_weights_decay(self) -> Self:
        if isinstance(self.optimizer, Adam) and self.optimizer.decays_before_norms:
            raise ValueError(
                f"optimizer.decayed: before_norms is of the nets of a gan, and no norm is in those of a {self.family} model; "
                "leave it out"
            )
        return self

    @model_validator(mode="after")
    def the_arithmetic_is_that_of_all_processors(self) -> Self:
        check_reproducible(self)
        return self

    @model_validator(mode="after")
    def the_average_is_taken_at_least_once(self) -> Self:
        if self.ema and self.ema.every_steps > self.steps:
            raise ValueError(
                f"ema.every_steps is {self.ema.every_steps:,} and steps {self.steps:,}: nothing would be "
                "averaged; set every_steps to steps or less"
            )
        return self

    def check_images(self, shape: tuple[int, ...], bounded: bool, count: int | None) -> None:
        """ValueError that names the key, if images [C, H, W] do not suit these settings. `bounded`: pixels lie
        in [-1, 1]; `count`: of training images, None where it is known to nobody yet."""
        if shape[-2:] == (1, 1):
            raise ValueError(f"a {self.family} model is for images; for points use model: gan")
        if not bounded:
            raise ValueError(
                f"a {self.family} model needs pixels in [-1, 1], and the dataset is contrast-normalised (gcn)"
            )
        if count is not None and count < self.batch_size:
            raise ValueError(
                f"batch_size is {self.batch_size:,}, but there are {count:,} training images"
            )

    def memory(self, pixels: int) -> dict[str, float]:
        """Float32 numbers in memory at once, at least, by the key that they grow with."""
        return {"batch_size": float(self.batch_size * pixels)}


HiddenUnits = Annotated[tuple[Positive, ...], Field(min_length=1, max_length=20, strict=False)]
