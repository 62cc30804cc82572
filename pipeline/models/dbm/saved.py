"""A trained deep Boltzmann machine, put together again from what its model file holds."""

import torch
from torch import Tensor

from pipeline.config.models.dbm.train import Train
from pipeline.models.common import binary
from pipeline.models.common.likelihood import Likelihood
from pipeline.models.dbm import mean_field
from pipeline.models.rbm import normaliser, saved
from pipeline.models.rbm.gibbs import Sweep, bernoulli

SWEEPS = 50  # of mean field, for the bound of an image


class Saved(saved.Saved):
    """Draws by Gibbs chains over all layers; has a lower bound of the likelihood."""

    settings = Train
    train: Train

    @property
    def units(self) -> int:
        return self.pixels + self.train.top

    def up(self, bits_BV: Tensor, stream: torch.Generator) -> Tensor:
        """The pixels, and states of the second layer given them."""
        rbm = self.net("raw").plain()
        means_BT = mean_field.top(rbm, bits_BV, self.train.mean_field_sweeps)
        return torch.cat([bits_BV, bernoulli(means_BT, stream)], 1)

    def down(self, end: Sweep) -> Tensor:
        return end.visible_means_BV[:, : self.pixels]

    def likelihood(self, weights: str) -> Likelihood:
        """A lower bound, for the bits that every run is evaluated on."""
        net = self.net(weights)
        rbm, found = net.plain(), normaliser.of(net, self.train.annealing_steps)

        def of(images_NCHW: Tensor, name: str) -> Tensor:
            bits_ND = binary.once(images_NCHW, self.train.binarize, name).flatten(1)
            parts = bits_ND.split(saved.BLOCK)
            return torch.cat([mean_field.bound(rbm, found.log_z, v, SWEEPS) for v in parts])

        how = f"bits: {self.train.binarize}; mean-field bound with {found.how}"
        return Likelihood("bound", "binarised", how, of, found.error, found.more)
