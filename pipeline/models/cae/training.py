"""Greedy training of stacked auto-encoders: the second learns the codes of the first."""

import copy
from collections.abc import Iterator
from typing import cast

import torch
from torch import Tensor, nn

from pipeline.compute.parallel import ALONE, World
from pipeline.compute.precision import Products
from pipeline.compute.streams import generator
from pipeline.config.models.cae.train import Layer, Train
from pipeline.models.cae.net import Cae
from pipeline.models.cae.stack import STARTS, WalkOfCodes
from pipeline.models.common import learner
from pipeline.models.common.binary import to_images
from pipeline.models.common.saved import named
from pipeline.models.common.start import State, under

START_IMAGES = 10_000  # at most, that the model file keeps for walks to start at


class FirstTraining(learner.Training):
    """The auto-encoder of the pixels, which it takes for probabilities; its pictures are what comes back."""

    settings: Layer

    def build(self, stream: torch.Generator) -> nn.Module:
        return Cae(self.pixels, self.settings.hidden, stream)

    def prepare(self, images_NCHW: Tensor) -> Tensor:
        """Grey pixels in [0, 1]."""
        return (images_NCHW + 1) / 2

    def inputs(self, x_BD: Tensor) -> Tensor:
        """What is encoded."""
        return x_BD

    def loss(self, x_BCHW: Tensor) -> Tensor:
        return self.player.net(self.inputs(x_BCHW.flatten(1)), self.settings.contraction)

    def picture(self, net: nn.Module, count: int) -> Tensor:
        cae = cast(Cae, net)
        means_BD = cae.decode(cae.encode(self.batches.images[:count].flatten(1).to(self.device)))
        return to_images(means_BD).view(count, *self.image_shape)

    def largest_product(self) -> Products:
        return Products("linear")  # it has no choice of precisions


class Training(FirstTraining):
    """The auto-encoder of the codes; its pictures are steps of walks."""

    settings: Train

    def __init__(
        self,
        settings: Train,
        seed: int,
        images_NCHW: Tensor,
        device: torch.device,
        labels_N: Tensor | None,
        world: World,
        first: Cae,
        start: State | None = None,
    ):
        """`first`: the trained auto-encoder below, which stays as it is; other arguments as of every training."""
        self.first = copy.deepcopy(first)
        super().__init__(settings, seed, images_NCHW, device, labels_N, world, start)

    def build(self, stream: torch.Generator) -> nn.Module:
        return Cae(self.settings.first.hidden, self.settings.hidden, stream)

    @torch.no_grad()
    def inputs(self, x_BD: Tensor) -> Tensor:
        return self.first.encode(x_BD)

    def picture(self, net: nn.Module, count: int) -> Tensor:
        chain = WalkOfCodes(self.first, cast(Cae, net), self.settings.walk_std)
        stream = generator(self.seed, "grid", self.device)
        start_BD = self.batches.images[:count].flatten(1).to(self.device)
        steps = self.settings.sampling_steps
        _, means_BD = chain.move(chain.start(start_BD, stream), steps, stream)
        return to_images(means_BD).view(count, *self.image_shape)

    def weights(self) -> dict[str, Tensor]:
        """Content of the model file: net.* of the second auto-encoder, net_ema.* if used, first.* of the first, and images
        that walks start at, chosen at random."""
        images_ND = self.batches.images.flatten(1)
        order_N = torch.randperm(len(images_ND), generator=generator(self.seed, "starts"))
        starts_SD = images_ND[order_N[:START_IMAGES].to(images_ND.device)]
        levels_SD = (starts_SD * 255).round().byte().cpu()
        return super().weights() | named("first", self.first) | {STARTS: levels_SD}


def trainings(
    settings: Train,
    seed: int,
    images_NCHW: Tensor,
    device: torch.device,
    labels_N: Tensor | None = None,
    world: World = ALONE,
    start: State | None = None,
) -> Iterator[tuple[str, FirstTraining]]:
    """The first auto-encoder, then the second. Bring each to its end before asking for the next.

    `start`: the tensors of a model file, from which both go on.
    """
    codes, pixels = under(start, "net."), under(start, "first.")
    first = FirstTraining(settings.of_first(), seed, images_NCHW, device, labels_N, world, pixels)
    yield "first", first
    below = cast(Cae, first.sampler())
    yield "", Training(settings, seed, images_NCHW, device, labels_N, world, below, codes)
