"""The two players. Each is a body, chosen by name, between inputs and outputs that all nets share."""

from typing import NamedTuple

import torch
from torch import Tensor, nn

from pipeline.config import train as config
from pipeline.gan.nets.initial import initialize, start_at_the_mean
from pipeline.gan.nets.mlp import MlpDiscriminator, MlpGenerator

__all__ = ["Discriminator", "Generator", "Judgement", "initialize", "start_at_the_mean"]

# Shapes: B batch, Z noise, F features, K classes; images are BCHW.

GENERATORS = {"mlp": MlpGenerator}
DISCRIMINATORS = {"mlp": MlpDiscriminator}

# Each output squashes to its own range; it is then mapped to the range the nets work in.
OUTPUTS = {
    "tanh": torch.tanh,
    "sigmoid": lambda x: torch.sigmoid(x) * 2 - 1,
    "linear": lambda x: x,
}


class Generator(nn.Module):
    """G: z [B, Z], labels [B] if it is conditional -> images in [-1, 1], or [0, 1] when
    `train.pixels` is "unit"."""

    def __init__(
        self, train: config.Train, image_shape: tuple, classes: int, stream: torch.Generator
    ):
        """`classes`: number of labels of the data, 0 if there are none; `stream`: of noise in layers."""
        super().__init__()
        net = train.generator
        self.output = OUTPUTS[net.output]
        self.unit_pixels = train.pixels == "unit"
        self.body = GENERATORS[net.name](net, train.noise.dim, tuple(image_shape), stream)

    def forward(self, z_BZ: Tensor, labels_B: Tensor | None = None) -> Tensor:
        x_BCHW = self.output(self.body(z_BZ).float())
        return (x_BCHW + 1) / 2 if self.unit_pixels else x_BCHW


class Judgement(NamedTuple):
    """What D says of a minibatch."""

    logit: Tensor  # [B]; D(x) = sigmoid(logit)
    features: Tensor  # [B, F], the inputs of the last layer
    classes: Tensor | None = None  # [B, K], logits of an auxiliary classifier


class Discriminator(nn.Module):
    """D: images [B, C, H, W], labels [B] if it is conditional -> logits [B]."""

    def __init__(
        self, train: config.Train, image_shape: tuple, classes: int, stream: torch.Generator
    ):
        """`classes`: number of labels of the data, 0 if there are none; `stream`: of dropout."""
        super().__init__()
        net = train.discriminator
        self.body = DISCRIMINATORS[net.name](net, tuple(image_shape), stream)
        # every image is judged by itself: nothing, such as BatchNorm, mixes the images of a batch
        self.image_by_image = self.body.image_by_image
        self.last = nn.Linear(self.body.features, 1)

    def judge(self, x_BCHW: Tensor, labels_B: Tensor | None = None) -> Judgement:
        features_BF = self.body(x_BCHW)
        return Judgement(self.last(features_BF).squeeze(1).float(), features_BF)

    def forward(self, x_BCHW: Tensor, labels_B: Tensor | None = None) -> Tensor:
        return self.judge(x_BCHW, labels_B).logit
