"""Regularisers, all off by default: what is added to a loss, or done to weights, to keep the game stable.

Weights marked as a course may be {start, end, steps}, in updates of G.
"""

from typing import Annotated, Literal

from pydantic import Field

from pipeline.config.base import Positive, Scale, Section
from pipeline.config.models.common.courses import Course, Weight


class SlopePenalty(Section):
    """r1, r2: adds gamma / 2 * E |gradient of D's output at x|^2 to D's loss, over data (r1) or over samples (r2)
    (Mescheder 2018). Of a D that judges a batch, by BatchNorm or minibatch discrimination, it is the gradient of the
    sum of the batch's outputs."""

    gamma: Weight = Course(start=10.0, end=10.0)  # a course; Mescheder 2018
    every_steps: Positive = 1  # updates of D; the penalty is multiplied by it in turn (Karras 2020)


class GradientPenalty(Section):
    """Adds weight * E[(|gradient of D's output at x| - 1)^2] to D's loss, at points drawn evenly between an image
    and a sample (Gulrajani 2017). sides: one punishes slopes above 1 only."""

    weight: Weight = Course(start=10.0, end=10.0)  # a course; Gulrajani 2017
    sides: Literal["one", "two"] = "two"
    every_steps: Positive = 1  # as of r1


class Consistency(Section):
    """Adds weight * E[(D(x) - D(T(x)))^2] to D's loss, T(x) the image moved by up to `shift` pixels either way
    (CR: Zhang 2020)."""

    weight: Weight = Course(start=10.0, end=10.0)  # a course; Zhang 2020
    shift: Positive = 1  # pixels; Zhang 2020: 4 of 32


class LeCam(Section):
    """Adds weight * (E[(D(x) - a)^2] + E[(D(G(z)) - b)^2]) to D's loss, a and b moving averages of D's outputs for
    samples and for data (Tseng 2021)."""

    weight: Weight = Course(start=0.3, end=0.3)  # a course; Tseng 2021
    decay: Annotated[float, Field(gt=0, lt=1)] = 0.99  # of the averages, per update of D


class TopK(Section):
    """G learns from the share of a minibatch's samples that D takes for data most (Sinha 2020): from all of them
    at first to `share` after `steps` updates, linearly; rounded up to whole samples."""

    share: Annotated[float, Field(gt=0, lt=1)] = 0.5
    steps: Positive  # updates of G until the share is reached


class Orthogonal(Section):
    """Adds weight * |W W' without its diagonal|^2 over every affine map's weights, rows being units or output channels
    (Brock 2019, eq. 3), to the loss of the players named."""

    weight: Scale = 1e-4  # Brock 2019
    players: Literal["generator", "discriminator", "both"] = "generator"
