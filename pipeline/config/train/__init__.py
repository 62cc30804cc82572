"""`runs.R.train` of params.yaml: the two players and how they learn."""

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from pipeline.config.base import Positive, Section
from pipeline.config.train.nets import (
    Discriminator,
    Generator,
    HeInit,
    Init,
    MlpDiscriminator,
    MlpGenerator,
    NormalInit,
    UniformInit,
)
from pipeline.config.train.optimizers import (
    Adam,
    Exponential,
    Linear,
    Momentum,
    Optimizer,
    Sgd,
)
from pipeline.config.train.tips import Average, Decay, ExponentialAverage, PowerAverage

__all__ = [
    "Adam",
    "Average",
    "Decay",
    "Discriminator",
    "Exponential",
    "ExponentialAverage",
    "Generator",
    "HeInit",
    "Init",
    "Linear",
    "MlpDiscriminator",
    "MlpGenerator",
    "Momentum",
    "Noise",
    "NormalInit",
    "Optimizer",
    "PowerAverage",
    "Sgd",
    "Train",
    "UniformInit",
]


class Noise(Section):
    """Prior of z, drawn at G's bottom layer only."""

    prior: Literal["uniform", "gaussian", "sphere"] = "uniform"  # all of unit variance
    dim: Positive = 100  # authors, every configuration


class Train(Section):
    steps: Positive  # updates of G
    batch_size: Annotated[int, Field(ge=2)]
    # alternating: Algorithm 1, fresh z for G; simultaneous: both gradients at the old weights,
    # one z and one dropout mask for both (the authors' code)
    update: Literal["alternating", "simultaneous"] = "alternating"
    discriminator_steps: Positive = 1  # k of Algorithm 1
    generator_loss: Literal["non_saturating", "minimax"] = "non_saturating"
    # factor of D's loss: 0.5 is the authors' mean of the two cross-entropies, 1 their sum (eq. 1)
    discriminator_loss_scale: Annotated[float, Field(gt=0)] = 1.0
    pixels: Literal["symmetric", "unit"] = "symmetric"  # range the nets work in: [-1, 1] or [0, 1]
    # of matrix products; weights are float32. tf32: CUDA only; fp16: with loss scaling
    precision: Literal["float32", "tf32", "bf16", "fp16"] = "float32"
    device: Literal["auto", "cpu", "cuda", "mps"] = "auto"
    devices: Positive = 1  # of one machine; each takes its share of every minibatch
    sync_batch_norm: bool = True  # BatchNorm over the whole minibatch, not each device's share
    # where the training images are kept: auto takes the device if they fit into half of its memory
    data_on: Literal["auto", "device", "host"] = "auto"
    compile: bool = False  # torch.compile: slower to start; see docs/devices.md for when it pays
    noise: Noise = Noise()
    generator: Generator
    discriminator: Discriminator
    instance_noise: Decay = Decay()  # std of Gaussian noise on D's inputs (in the nets' range)
    ema: Average | None = None  # moving average of G's weights, to draw samples from
    log_steps: Positive = 100  # a row of training.tsv every so many steps
    grid_steps: Positive = 1_000  # a picture of the same noise every so many steps

    @model_validator(mode="after")
    def one_update_of_each_when_simultaneous(self) -> Self:
        if self.update == "simultaneous" and self.discriminator_steps != 1:
            raise ValueError(
                f"update: simultaneous takes one step of each player; "
                f"discriminator_steps is {self.discriminator_steps}, use 1 or update: alternating"
            )
        return self

    @model_validator(mode="after")
    def one_device_when_compiled(self) -> Self:
        if self.compile and self.devices > 1:
            raise ValueError(
                f"compile: true is for one device; devices is {self.devices}, use 1 or compile: false"
            )
        return self

    @model_validator(mode="after")
    def devices_share_the_minibatch_equally(self) -> Self:
        if self.batch_size % self.devices or self.batch_size < 2 * self.devices:
            below = self.batch_size - self.batch_size % self.devices
            fits = [size for size in (below, below + self.devices) if size >= 2 * self.devices]
            raise ValueError(
                f"batch_size is {self.batch_size}, which {self.devices} devices cannot share equally, "
                f"two images each at least; set it to {' or '.join(map(str, fits or [2 * self.devices]))}"
            )
        return self
