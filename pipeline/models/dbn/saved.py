"""A trained deep belief net, put together again from what its model file holds."""

from functools import cached_property

import torch
from torch import Tensor

from pipeline.compute.streams import generator
from pipeline.config.models.dbn.train import Train
from pipeline.models.common import binary
from pipeline.models.common.likelihood import Likelihood
from pipeline.models.dbn import bound
from pipeline.models.rbm import normaliser, saved
from pipeline.models.rbm.centred import CentredRbm
from pipeline.models.rbm.energy import Rbm
from pipeline.models.rbm.gibbs import Sweep, bernoulli

DRAWS = 10  # of the units between the machines, for each image's bound


class Saved(saved.Saved):
    """Draws by Gibbs chains in the second machine; has a lower bound of the likelihood."""

    settings = Train
    train: Train

    @property
    def units(self) -> int:
        return self.train.first.hidden

    def up(self, bits_BV: Tensor, stream: torch.Generator) -> Tensor:
        return bernoulli(torch.sigmoid(self.first.hidden_logits(bits_BV)), stream)

    def down(self, end: Sweep) -> Tensor:
        return torch.sigmoid(self.first.visible_logits(end.v_BV))

    @cached_property
    def first(self) -> Rbm:
        """The machine of the pixels."""
        mean_V, train = torch.full((self.pixels,), 0.5), self.train.of_first()
        stream = generator(self.seed, "sample layers")
        net = CentredRbm(mean_V, train.hidden, train.negative_chains, stream)
        net.load_state_dict(self.under("first."))
        return net.plain()

    def likelihood(self, weights: str) -> Likelihood:
        """A lower bound, for the bits that every run is evaluated on."""
        net = self.net(weights)
        top, found = net.plain(), normaliser.of(net, self.train.annealing_steps)

        @torch.no_grad()
        def of(images_NCHW: Tensor, name: str) -> Tensor:
            bits_NV = binary.once(images_NCHW, self.train.binarize, name).flatten(1)
            stream = generator(0, f"bound of {name} images")
            parts = bits_NV.split(saved.BLOCK)
            bounds = [bound.of(self.first, top, found.log_z, v, DRAWS, stream) for v in parts]
            return torch.cat(bounds)

        how = (
            f"bits: {self.train.binarize}; variational bound with {found.how} of the second machine"
        )
        return Likelihood("bound", "binarised", how, of, found.error, found.more)
