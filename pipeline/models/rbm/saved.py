"""A trained restricted Boltzmann machine, put together again from what its model file holds."""

from collections.abc import Iterator
from typing import ClassVar

import torch
from torch import Tensor

from pipeline.compute.streams import generator
from pipeline.config.models.rbm.train import Train
from pipeline.models.common import binary
from pipeline.models.common.likelihood import Likelihood
from pipeline.models.common.saved import SavedModel, Walk
from pipeline.models.rbm import normaliser
from pipeline.models.rbm.centred import CentredRbm
from pipeline.models.rbm.gibbs import Sweep, bernoulli, fair_coins, sweep

BLOCK = 1_000  # images whose likelihood is computed at a time
WALKS, PICTURES = (
    4,
    10,
)  # chains of the figure, and how often each is shown: after 0, 1, 2, 4, ... steps


class Saved(SavedModel):
    """Draws by Gibbs chains; its likelihood needs an estimate of log Z."""

    settings: ClassVar[type[Train]] = Train
    train: Train

    @property
    def passes_per_image(self) -> int:
        """Dependent steps, of which each waits for the one before it."""
        return self.train.sampling_steps

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

    @torch.no_grad()
    def samples(
        self, weights: str, count: int, batch_size: int, seed: int
    ) -> Iterator[tuple[Tensor, ...]]:
        """Probabilities, brought to [-1, 1]: those of the pixels at the end of a chain of `sampling_steps` that
        started at fair coins; every image has a chain of its own."""
        rbm, stream = self.net(weights).plain(), generator(seed, "sample")
        for start in range(0, count, batch_size):
            size = min(batch_size, count - start)
            coins = fair_coins(size, self.train.hidden, stream)
            end = sweep(rbm, coins, self.train.sampling_steps, stream)
            yield (binary.to_images(self.down(end)).view(size, *self.image_shape),)

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

    @torch.no_grad()
    def walk(self, weights: str, test_NCHW: Tensor) -> Walk:
        """Chains from test images and from fair coins: how long each stays near where it began."""
        rbm, stream = self.net(weights).plain(), generator(0, "walks")
        bits_NV = binary.once(test_NCHW[: WALKS // 2], self.train.binarize, "test").flatten(1)
        bits_NV = torch.cat([bits_NV, fair_coins(WALKS - len(bits_NV), self.pixels, stream)])
        means_BH = torch.sigmoid(rbm.hidden_logits(self.up(bits_NV, stream)))
        h_BH, shown, done = bernoulli(means_BH, stream), [bits_NV], 0
        for steps in (2**power for power in range(PICTURES - 1)):
            end = sweep(rbm, h_BH, steps - done, stream)
            h_BH, done = end.h_BH, steps
            shown.append(self.down(end))
        return Walk(
            binary.to_images(torch.stack(shown, 1)).unflatten(2, self.image_shape),
            f"Gibbs chains from test images and from fair coins, after 0, 1, 2, 4, ... {done:,} steps",
        )
