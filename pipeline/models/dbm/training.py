"""Joint training of a deep Boltzmann machine: persistent chains, and mean field for what an image does not show."""

from functools import partial

import torch
from torch import Tensor

from pipeline.compute.precision import Products
from pipeline.config.models.dbm.train import Train
from pipeline.models.common import learner
from pipeline.models.dbm import mean_field
from pipeline.models.rbm import training as rbm
from pipeline.models.rbm.gibbs import Sweep


class Training(rbm.Training):
    """A restricted machine whose visible units are the pixels and the second hidden layer.

    Centred, so that it needs no greedy pretraining (Montavon & Mueller 2012).
    """

    settings: Train

    def prepare(self, images_NCHW: Tensor) -> Tensor:
        """As for a restricted machine; a unit of the second layer begins as a fair coin."""
        prepared = super().prepare(images_NCHW)
        halves_T = torch.full((self.settings.top,), 0.5, device=self.device)
        self.visible_mean_V = torch.cat([self.visible_mean_V, halves_T])
        return prepared

    def visible(self, x_BV: Tensor) -> Tensor:
        """Bits of the pixels, and the means of the second layer given them."""
        bits_BD = super().visible(x_BV)
        means_BT = mean_field.top(self.net.plain(), bits_BD, self.settings.mean_field_sweeps)
        return torch.cat([bits_BD, means_BT], 1)

    def shown(self, end: Sweep) -> Tensor:
        return end.visible_means_BV[:, : self.pixels]

    def largest_product(self) -> Products:
        batch = max(self.settings.batch_size, self.settings.negative_chains)
        return Products("linear", batch * (self.pixels + self.settings.top) * self.settings.hidden)


trainings = partial(learner.trainings, Training)
