"""The training of a flow: maximum likelihood of dequantised images."""

from functools import partial

import torch
from torch import Tensor

from pipeline.compute.precision import Products
from pipeline.compute.streams import generator
from pipeline.config.models.flow.train import Train
from pipeline.models.common import learner, levels
from pipeline.models.flow.net import Flow

START_IMAGES = 10_000  # from which the initial scale of every pixel is taken


class Training(learner.Training):
    """Descends -log p(x) of dequantised images, in nats per image; x is dequantised anew for every minibatch."""

    settings: Train

    def build(self, stream: torch.Generator) -> Flow:
        net = Flow(self.settings.flow, self.pixels).to(stream.device)
        net.initialize(stream)
        net.start_at(levels.drawn(self.batches.images[:START_IMAGES].to(self.device), stream))
        return net

    def loss(self, x_BCHW: Tensor) -> Tensor:
        return -self.player(levels.drawn(x_BCHW, self.streams["noise"])).mean()

    def picture(self, net: torch.nn.Module, count: int) -> Tensor:
        assert isinstance(net, Flow)
        x_BD = net.draw(count, generator(self.seed, "grid", self.device))
        return levels.quantized(x_BD, self.image_shape)

    def largest_product(self) -> Products:
        return Products("linear")  # it has no choice of precisions


trainings = partial(learner.trainings, Training)
