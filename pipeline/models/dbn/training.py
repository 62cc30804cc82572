"""Greedy training of a deep belief net: the second machine learns what the first has made of the data."""

import copy
from collections.abc import Iterator

import torch
from torch import Tensor

from pipeline.compute.parallel import ALONE, World
from pipeline.compute.precision import Products
from pipeline.config.models.dbn.train import Train
from pipeline.models.common.saved import named
from pipeline.models.common.start import State, under
from pipeline.models.rbm import training as rbm
from pipeline.models.rbm.centred import CentredRbm
from pipeline.models.rbm.gibbs import Sweep, bernoulli

# Shapes: B batch, V pixels, H units between the machines; images are BCHW.

BLOCK = 1_000  # images brought through the first machine at a time


class Training(rbm.Training):
    """The second machine: its visible units are states drawn of the first one's hidden units."""

    settings: Train

    def __init__(
        self,
        settings: Train,
        seed: int,
        images_NCHW: Tensor,
        device: torch.device,
        labels_N: Tensor | None,
        world: World,
        first: CentredRbm,
        start: State | None = None,
    ):
        """`first`: the trained machine below, which stays as it is; other arguments as of every training."""
        self.first = copy.deepcopy(first)
        self.below = self.first.plain()
        super().__init__(settings, seed, images_NCHW, device, labels_N, world, start)

    @torch.no_grad()
    def prepare(self, images_NCHW: Tensor) -> Tensor:
        """Pixels as for the first machine; its hidden means are those that the second starts at."""
        prepared = super().prepare(images_NCHW)
        blocks = prepared.flatten(1).split(BLOCK)
        sums = [torch.sigmoid(self.below.hidden_logits(x.to(self.device))).sum(0) for x in blocks]
        self.visible_mean_V = torch.stack(sums).sum(0) / len(prepared)
        return prepared

    def visible(self, x_BV: Tensor) -> Tensor:
        """States of the first machine's hidden units, drawn anew for every minibatch."""
        means_BH = torch.sigmoid(self.below.hidden_logits(super().visible(x_BV)))
        return bernoulli(means_BH, self.streams["layers"])

    def shown(self, end: Sweep) -> Tensor:
        return torch.sigmoid(self.below.visible_logits(end.v_BV))

    def largest_product(self) -> Products:
        batch = max(self.settings.batch_size, self.settings.negative_chains)
        below = self.pixels
        return Products(
            "linear", batch * self.settings.first.hidden * max(self.settings.hidden, below)
        )

    def weights(self) -> dict[str, Tensor]:
        """Content of the model file: net.* of the second machine, first.* of the first."""
        return super().weights() | named("first", self.first)


def trainings(
    settings: Train,
    seed: int,
    images_NCHW: Tensor,
    device: torch.device,
    labels_N: Tensor | None = None,
    world: World = ALONE,
    start: State | None = None,
) -> Iterator[tuple[str, rbm.Training]]:
    """The first machine, then the second. Bring each to its end before asking for the next.

    `start`: the tensors of a model file, from which both go on.
    """
    below, above = under(start, "first."), under(start, "net.")
    first = rbm.Training(settings.of_first(), seed, images_NCHW, device, labels_N, world, below)
    yield "first", first
    yield "", Training(settings, seed, images_NCHW, device, labels_N, world, first.net, above)
