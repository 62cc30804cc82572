"""A trained GAN, put together again from what its model file holds."""

from collections.abc import Iterator
from typing import ClassVar

import torch
from torch import Tensor

from pipeline.compute.streams import generator
from pipeline.config.models.gan.train import Train
from pipeline.models.common.saved import SavedModel
from pipeline.models.gan import pixels, rejection
from pipeline.models.gan.game import hybrids
from pipeline.models.gan.nets import Encoder, discriminator_of, generator_of
from pipeline.models.gan.sampling import SymmetricDiscriminator, SymmetricGenerator, draw


class Saved(SavedModel):
    """The nets at the end of the training or, for points, at a snapshot; all in evaluation mode."""

    settings = Train
    prefixes: ClassVar = {"raw": "generator.", "ema": "generator_ema."}
    train: Train

    def generator(self, weights: str, step: int | None = None) -> SymmetricGenerator:
        """G after `step` updates, at the end when None; `weights`: raw, or ema, the average of its weights.

        DataError if the file does not hold it.
        """
        stream = generator(self.seed, "sample layers")
        net = generator_of(self.train, self.image_shape, self.classes, stream)
        net.load_state_dict(self.state(weights, moment(step)))
        return SymmetricGenerator(net, self.train, self.classes).eval()

    def discriminator(
        self, step: int | None = None, averaged: bool = False
    ) -> SymmetricDiscriminator:
        """D after `step` updates of G, at the end when None; `averaged`: with the average of its weights."""
        stream = generator(self.seed, "sample layers")
        net = discriminator_of(self.train, self.image_shape, self.classes, stream)
        prefix = "discriminator_ema." if averaged else "discriminator."
        net.load_state_dict(self.under(f"{moment(step)}{prefix}"))
        return SymmetricDiscriminator(net, self.train).eval()

    def rejecting(self) -> SymmetricDiscriminator:
        """The D that rejection asks: at the end of the training, averaged where the file holds an average."""
        return self.discriminator(averaged=self.train.discriminator_ema is not None)

    @torch.no_grad()
    def posterior(self, images_BCHW: Tensor) -> hybrids.Posterior:
        """q(z|x) of images in [-1, 1], of a hybrid: by the encoder at the end of the training."""
        autoencoder = self.train.autoencoder
        assert autoencoder is not None
        stream = generator(self.seed, "sample layers")
        E = Encoder(autoencoder.encoder, self.train.noise.dim, self.image_shape, stream)
        E.load_state_dict(self.under("encoder."))
        in_range = pixels.to_nets(images_BCHW, self.train.pixels)
        return hybrids.Posterior(*E.eval()(in_range).chunk(2, dim=1))

    def samples(
        self, weights: str, count: int, batch_size: int, seed: int
    ) -> Iterator[tuple[Tensor, ...]]:
        """Of a conditional G as many of each class, in turn."""
        return ((x,) for x in draw(self.generator(weights), count, batch_size, seed))

    def draw(
        self, weights: str, count: int, batch_size: int, seed: int, accepted: float | None = None
    ) -> Iterator[tuple[Tensor, ...]]:
        if accepted is None:
            return self.samples(weights, count, batch_size, seed)
        return self.accepted_samples(weights, count, batch_size, seed, accepted)

    def accepted_samples(
        self,
        weights: str,
        count: int,
        batch_size: int,
        seed: int,
        accepted: float,
        labels: list[int] | None = None,
    ) -> Iterator[tuple[Tensor, ...]]:
        """As `samples`, of those that D lets through, the share `accepted` of all; `labels`: classes to draw of a
        conditional G, all when None."""
        asked_for = labels or [*range(self.classes_asked_for)] or None
        G, D = self.generator(weights), self.rejecting()
        drawn = rejection.draw_accepted(G, D, accepted, count, batch_size, seed, asked_for)
        return ((x,) for x in drawn)

    @property
    def classes_asked_for(self) -> int:
        """How many classes G is told apart by; 0 if it is told none."""
        return 0 if self.train.conditional is None else self.classes

    def snapshots(self) -> list[int]:
        """Steps at which both players were kept, rising; empty for images."""
        return sorted(
            {int(key.split(".")[1]) for key in self.tensors if key.startswith("snapshot.")}
        )


def moment(step: int | None) -> str:
    """What stands before the names of a snapshot's tensors; nothing for the end of the training."""
    return "" if step is None else f"snapshot.{step}."
