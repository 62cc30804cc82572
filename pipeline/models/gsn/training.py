"""The training of a deep generative stochastic net: walkback (Bengio et al. 2013, 2014)."""

import itertools
from functools import partial
from typing import cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from pipeline.compute.precision import Products
from pipeline.compute.streams import generator
from pipeline.config.models.gsn.train import Train
from pipeline.models.common import learner
from pipeline.models.common.binary import to_images
from pipeline.models.gsn.net import Gsn

PICTURE_STEPS = 50  # of the chains of the pictures drawn while it learns


class Training(learner.Training):
    """Descends the cross-entropy of an image and what each of a few steps of the chain from it gives back."""

    settings: Train

    def build(self, stream: torch.Generator) -> nn.Module:
        settings, pixels = self.settings, self.pixels
        return Gsn(pixels, settings.hidden, settings.corruption, settings.noise_std, stream)

    def prepare(self, images_NCHW: Tensor) -> Tensor:
        """Grey pixels in [0, 1]: the authors do not binarise."""
        return (images_NCHW + 1) / 2

    def loss(self, x_BCHW: Tensor) -> Tensor:
        """The mean over the steps, in nats per image; the authors add the steps up and average over pixels."""
        x_BD, stream = x_BCHW.flatten(1), self.streams["noise"]
        net = cast(Gsn, self.player.net)
        state, total = net.start(x_BD, stream), x_BD.new_zeros(())
        for _ in range(self.settings.walkback_steps):
            state, logits_BD = net(state, stream)
            total = total + F.binary_cross_entropy_with_logits(logits_BD, x_BD, reduction="sum")
        return total / (self.settings.walkback_steps * len(x_BD))

    def picture(self, net: nn.Module, count: int) -> Tensor:
        stream = generator(self.seed, "grid", self.device)
        black_BD = torch.zeros(count, self.pixels, device=self.device)
        state = cast(Gsn, net).start(black_BD, stream)
        for _ in range(PICTURE_STEPS):
            state, logits_BD = net(state, stream)
        return to_images(torch.sigmoid(logits_BD)).view(count, *self.image_shape)

    def largest_product(self) -> Products:
        sizes = (self.pixels, *self.settings.hidden)
        largest = max(a * b for a, b in itertools.pairwise(sizes))
        return Products("linear", self.settings.batch_size * largest)


trainings = partial(learner.trainings, Training)
