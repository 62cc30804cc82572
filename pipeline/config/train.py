"""`runs.R.train` of params.yaml: the two players and how they learn."""

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from pipeline.config.base import NotNegative, Positive, Probability, Section

Widths = Annotated[tuple[Positive, ...], Field(strict=False, min_length=1)]


class Noise(Section):
    """Prior of z, drawn at G's bottom layer only."""

    prior: Literal["uniform", "gaussian", "sphere"] = "uniform"  # all of unit variance
    dim: Positive = 100  # authors, every configuration


class UniformInit(Section):
    name: Literal["uniform"]
    range: Annotated[float, Field(gt=0)]  # weights from U(-range, range), biases 0


class NormalInit(Section):
    name: Literal["normal"]
    std: Annotated[float, Field(gt=0)]  # weights from N(0, std^2), biases 0


class HeInit(Section):
    name: Literal["he"]  # weights from N(0, gain^2 * 2 / fan_in), biases 0
    gain: Annotated[float, Field(gt=0)] = 1.0
    output_gain: Annotated[float, Field(gt=0)] = 1.0  # the last layer's gain is gain * output_gain


Init = Annotated[UniformInit | NormalInit | HeInit, Field(discriminator="name")]


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


Optimizer = Annotated[Sgd | Adam, Field(discriminator="name")]


class Net(Section):
    """A stack of fully connected layers."""

    hidden: Widths
    activation: Literal["relu", "leaky_relu", "tanh", "softplus", "maxout"]
    pieces: Positive = 5  # affine pieces per maxout unit; authors
    batch_norm: bool = False
    init: Init
    optimizer: Optimizer


class Generator(Net):
    output: Literal["tanh", "sigmoid", "linear"]
    # `data`: the output starts at each pixel's training mean (authors); `zeros` otherwise
    output_bias: Literal["zeros", "data"] = "zeros"
    # the mean, in [0, 1], is kept this far from 0 and 1; authors: 1e-7, so that a pixel that is always
    # black starts at the logit -16.1, where it hardly learns
    output_bias_clip: Annotated[float, Field(gt=0, lt=0.5)] = 1e-7

    @model_validator(mode="after")
    def bias_needs_a_squashing_output(self) -> Self:
        if self.output_bias == "data" and self.output == "linear":
            raise ValueError("output_bias: data needs output: sigmoid or tanh")
        return self


class Discriminator(Net):
    """Ends in one linear unit: the logit of D(x)."""

    dropout_input: Probability = 0.0  # share of inputs set to 0; the others are scaled up
    dropout_hidden: Probability = 0.0


class Decay(Section):
    """A value that goes linearly from `start` to `end` in `steps` updates of G, then stays."""

    start: NotNegative = 0.0
    end: NotNegative = 0.0
    steps: Positive = 1


class ExponentialAverage(Section):
    """Weights of `age` steps ago count decay ** age; until it is that old, all count the same."""

    name: Literal["exponential"]
    decay: Annotated[float, Field(gt=0, lt=1)] = 0.999
    every_steps: Positive = 1  # averaging less often costs less and changes little


class PowerAverage(Section):
    """Weights of step s count s ** exponent: a horizon that grows with the run (Karras 2024, eq. 3)."""

    name: Literal["power"]
    exponent: NotNegative = 1.0
    every_steps: Positive = 1


Average = Annotated[ExponentialAverage | PowerAverage, Field(discriminator="name")]


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
    precision: Literal["float32", "bf16"] = "float32"  # of matrix products; weights are float32
    device: Literal["auto", "cpu", "cuda", "mps"] = "auto"
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
