"""Soft and noisy labels: what D is to say of each image (ganhacks 6)."""

import torch
from torch import Generator, Tensor

from pipeline.config.models.gan.tips import Labels

# Shapes: B batch.


class Targets:
    """Draws a target for every image from the given ranges; a share of D's are swapped."""

    def __init__(self, labels: Labels, stream: Generator):
        self.labels = labels
        self.stream = stream

    @property
    def hard(self) -> bool:
        """Whether every target is 1 for data and 0 for samples."""
        return self.labels == Labels()

    def for_discriminator(self, count: int) -> tuple[Tensor, Tensor]:
        """Targets [B] of real and of fake images; a share `flip` of each from the other's range."""
        return (
            self._mixed(count, self.labels.real, self.labels.fake),
            self._mixed(count, self.labels.fake, self.labels.real),
        )

    def of_real(self, count: int) -> Tensor:
        """Targets [B] of real images, none flipped."""
        return self._drawn(count, self.labels.real)

    def _mixed(self, count: int, mostly: tuple[float, float], other: tuple[float, float]) -> Tensor:
        flipped_B = self._uniform(count) < self.labels.flip
        return torch.where(flipped_B, self._drawn(count, other), self._drawn(count, mostly))

    def _drawn(self, count: int, ends: tuple[float, float]) -> Tensor:
        low, high = ends
        return low + (high - low) * self._uniform(count)

    def _uniform(self, count: int) -> Tensor:
        return torch.rand(count, generator=self.stream, device=self.stream.device)
