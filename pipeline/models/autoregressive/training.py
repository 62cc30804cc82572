"""The training of a fully visible belief net: maximum likelihood of binary images."""

import itertools
from functools import partial

import torch
from torch import Tensor, nn

from pipeline.compute.precision import Products
from pipeline.compute.streams import generator
from pipeline.config.models.autoregressive.train import (
    Fvsbn,
    Made,
    PixelCnn,
    PixelRnn,
    Train,
    WaveNet,
)
from pipeline.models.autoregressive import drawing, nets
from pipeline.models.common import binary, learner


class Training(learner.Training):
    """Descends -log p(x) of bits, in nats per image."""

    settings: Train

    def build(self, stream: torch.Generator) -> nn.Module:
        return nets.net_of(self.settings.net, self.pixels, self.image_shape[-1], stream)

    def prepare(self, images_NCHW: Tensor) -> Tensor:
        """Bits, or the grey images that bits are drawn from for every minibatch."""
        if self.settings.binarize == "dynamic":
            return images_NCHW
        return binary.once(images_NCHW, self.settings.binarize, "train")

    def loss(self, x_BCHW: Tensor) -> Tensor:
        if self.settings.binarize == "dynamic":
            x_BCHW = binary.draw(x_BCHW, self.streams["layers"])
        return -drawing.log_likelihood(self.player.net, x_BCHW.flatten(1)).mean()

    def picture(self, net: nn.Module, count: int) -> Tensor:
        stream = generator(self.seed, "grid", self.device)
        bits_BD, _ = drawing.draw(net, count, self.pixels, stream)
        return binary.to_images(bits_BD).view(count, *self.image_shape)

    def largest_product(self) -> Products:
        pixels, batch = self.pixels, self.settings.batch_size
        match self.settings.net:
            case Fvsbn():
                return Products("linear", batch * pixels**2)
            case Made(hidden=hidden):
                chain = (pixels, *hidden, pixels)
                largest = max(a * b for a, b in itertools.pairwise(chain))
                return Products("linear", batch * largest)
            case PixelCnn():
                return Products("convolution")
            case PixelRnn(channels=channels):
                return Products("linear", batch * pixels * 16 * channels**2)
            case WaveNet(channels=channels):
                return Products("linear", batch * pixels * 4 * channels**2)
        return Products("linear", 0)  # NADE has sums, hardly products


trainings = partial(learner.trainings, Training)
