"""Trained nets between noise, images in [-1, 1] and logits, whatever range the nets work in."""

from collections.abc import Iterator

import torch
from torch import Tensor, nn

from pipeline.compute.streams import generator
from pipeline.config.models.gan.train import Train
from pipeline.models.gan import noise, pixels
from pipeline.models.gan.nets import Discriminator, Generator
from pipeline.models.gan.noise import Latent

# Shapes: B batch, Z noise; images are BCHW.


class SymmetricGenerator(nn.Module):
    """z [B, Z], labels [B] if G is conditional -> float32 images in [-1, 1]."""

    def __init__(self, net: Generator, train: Train, classes: int):
        """`classes`: number of labels of the data, 0 if there are none."""
        super().__init__()
        self.net = net
        self.train_settings = train
        self.classes = classes

    def forward(self, z_BZ: Tensor, labels_B: Tensor | None = None) -> Tensor:
        return pixels.from_nets(self.net(z_BZ, labels_B).float(), self.train_settings.pixels)

    def latent(self, count: int, stream: torch.Generator) -> Latent:
        """The arguments of `forward` for `count` images: z from the prior, labels equally likely."""
        return noise.draw_for(self.train_settings, count, stream, self.classes)


class SymmetricDiscriminator(nn.Module):
    """Images [B, C, H, W] in [-1, 1], labels [B] if D is told them -> logits [B]."""

    def __init__(self, net: Discriminator, train: Train):
        super().__init__()
        self.net = net
        self.pixels = train.pixels

    def forward(self, x_BCHW: Tensor, labels_B: Tensor | None = None) -> Tensor:
        return self.net(pixels.to_nets(x_BCHW, self.pixels), labels_B)


@torch.no_grad()
def draw(G: SymmetricGenerator, count: int, batch_size: int, seed: int) -> Iterator[Tensor]:
    """`count` images in [-1, 1], `batch_size` at a time; of a conditional G as many of each class, in turn."""
    stream = generator(seed, "sample")
    for start in range(0, count, batch_size):
        size = min(batch_size, count - start)
        latent = G.latent(size, stream)
        if latent.labels is not None:
            latent = latent._replace(labels=torch.arange(start, start + size) % G.classes)
        yield G(*latent)
