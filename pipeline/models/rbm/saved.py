"""A trained restricted Boltzmann machine, put together again from what its model file holds."""

from typing import ClassVar

import torch
from torch import Tensor

from pipeline.compute.streams import generator
from pipeline.config.models.rbm.train import Train
from pipeline.models.common import binary
from pipeline.models.common.chains import SavedChains
from pipeline.models.common.likelihood import Likelihood
from pipeline.models.common.saved import Wait
from pipeline.models.rbm import normaliser
from pipeline.models.rbm.centred import CentredRbm
from pipeline.models.rbm.energy import Rbm
from pipeline.models.rbm.gibbs import Sweep, bernoulli, sweep

BLOCK = 1_000  # images whose likelihood is computed at a time


class GibbsChain:
    """Block Gibbs sampling; where a chain is, its hidden states say."""

    def __init__(self, saved: "Saved", rbm: Rbm):
        self.saved = saved
        self.rbm = rbm

    def start(self, pixels_BD: Tensor, stream: torch.Generator) -> Tensor:
        units_BV = self.saved.up(pixels_BD, stream)
        return bernoulli(torch.sigmoid(self.rbm.hidden_logits(units_BV)), stream)

    def move(self, state: Tensor, steps: int, stream: torch.Generator) -> tuple[Tensor, Tensor]:
        end = sweep(self.rbm, state, steps, stream)
        return end.h_BH, self.saved.down(end)


class Saved(SavedChains):
    """Draws by Gibbs chains; its likelihood needs an estimate of log Z."""

    settings: ClassVar[type[Train]] = Train
    train: Train

    # What a stack of machines has differently.

    @property
    def units(self) -> int:
        """Visible units of the machine whose chains are run."""
        return self.pixels

    def up(self, bits_BV: Tensor, stream: torch.Generator) -> Tensor:
        """States of those units, given bits of images."""
        return bits_BV

    def down(self, end: Sweep) -> Tensor:
        """p(pixel = 1), given where a chain is."""
        return end.visible_means_BV

    # What is asked for.

    def net(self, weights: str) -> CentredRbm:
        """The machine with its chains; DataError if the file lacks its weights."""
        mean_V = torch.full((self.units,), 0.5)
        stream = generator(self.seed, "sample layers")
        net = CentredRbm(mean_V, self.train.hidden, self.train.negative_chains, stream)
        net.load_state_dict(self.state(weights))
        return net

    def chain(self, weights: str) -> GibbsChain:
        return GibbsChain(self, self.net(weights).plain())

    def seen(self, test_NCHW: Tensor) -> Tensor:
        return binary.once(test_NCHW, self.train.binarize, "test").flatten(1)

    def wait_for_likelihood(self, weights: str) -> Wait | None:
        return normaliser.wait(self.net(weights), self.train.annealing_steps)

    def likelihood(self, weights: str) -> Likelihood:
        """Of the bits that every run is evaluated on; log Z is estimated once, when this is called."""
        net = self.net(weights)
        rbm, found = net.plain(), normaliser.of(net, self.train.annealing_steps)

        @torch.no_grad()
        def of(images_NCHW: Tensor, name: str) -> Tensor:
            bits_NV = binary.once(images_NCHW, self.train.binarize, name).flatten(1)
            energies = [rbm.free_energy(part).double() for part in bits_NV.split(BLOCK)]
            return -torch.cat(energies) - found.log_z

        return Likelihood(
            found.kind,
            "binarised",
            f"bits: {self.train.binarize}; {found.how}",
            of,
            found.error,
            found.more,
        )
