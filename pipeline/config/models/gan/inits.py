"""`init` and `output_init` of a net: how its weights start."""

from typing import Annotated, Literal

from pydantic import Field

from pipeline.config.base import NotNegative, Positive, Scale, Section


class UniformInit(Section):
    name: Literal["uniform"]
    range: Scale  # weights from U(-range, range), biases 0


class NormalInit(Section):
    name: Literal["normal"]
    std: Scale  # weights from N(0, std^2), biases 0; DCGAN: 0.02
    norm_std: NotNegative = 0.0  # gains of norms from N(1, norm_std^2); DCGAN: 0.02


class HeInit(Section):
    name: Literal["he"]  # weights from N(0, gain^2 * 2 / fan_in), biases 0
    gain: Scale = 1.0
    output_gain: Scale = 1.0  # the last layer's gain is gain * output_gain


class XavierInit(Section):
    name: Literal["xavier"]  # weights of variance gain^2 * 2 / (fan_in + fan_out), biases 0
    gain: Scale = 1.0
    distribution: Literal["normal", "uniform"] = "normal"


class OrthogonalInit(Section):
    name: Literal["orthogonal"]  # rows or columns of a random rotation, times gain
    gain: Scale = 1.0


class SparseInit(Section):
    """`inputs` weights of each unit from N(0, 1), the others 0 (authors, output of TFD's G)."""

    name: Literal["sparse"]
    inputs: Positive = 100


class PublishedInit(Section):
    """As the net's authors did it. dcgan: N(0, 0.02^2), gains N(1, 0.02^2); resnet: Xavier uniform, with gain
    sqrt(2) in the residual branches; r3gan: variance 1 / fan_in, each of its blocks at first the identity."""

    name: Literal["published"]


Init = Annotated[
    UniformInit | NormalInit | HeInit | XavierInit | OrthogonalInit | SparseInit | PublishedInit,
    Field(discriminator="name"),
]
