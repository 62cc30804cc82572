"""`generator` and `discriminator`: layers, initialisation, optimiser."""

from typing import Annotated, Any, Literal, Self

from pydantic import BeforeValidator, Field, model_validator

from pipeline.config.base import Positive, Probability, Section
from pipeline.config.train.optimizers import Optimizer

Widths = Annotated[tuple[Positive, ...], Field(strict=False, min_length=1)]


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


class Player(Section):
    """What every net has."""

    init: Init
    optimizer: Optimizer


class Mlp(Player):
    """A stack of fully connected layers."""

    name: Literal["mlp"]
    hidden: Widths
    activation: Literal["relu", "leaky_relu", "tanh", "softplus", "maxout"]
    pieces: Positive = 5  # affine pieces per maxout unit; authors
    norm: Literal["none", "batch"] = "none"


class MlpGenerator(Mlp):
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


class MlpDiscriminator(Mlp):
    """Ends in one linear unit: the logit of D(x)."""

    dropout_input: Probability = 0.0  # share of inputs set to 0; the others are scaled up
    dropout_hidden: Probability = 0.0


def mlp_by_default(found: Any) -> Any:
    return {"name": "mlp"} | found if isinstance(found, dict) else found


Generator = Annotated[MlpGenerator, BeforeValidator(mlp_by_default)]
Discriminator = Annotated[MlpDiscriminator, BeforeValidator(mlp_by_default)]
