"""Models that are sampled by Markov chains: means and states, independent chains and one chain, walks."""

import math
import time
from collections.abc import Iterator
from typing import Any, ClassVar, Protocol

import torch
from torch import Tensor

from pipeline.compute.streams import generator, uniform
from pipeline.models.common import binary
from pipeline.models.common.saved import SavedModel, Wait, Walk

# Shapes: B chains, D pixels; images are BCHW.

TRIAL_STEPS = 3  # timed to say how long all of them will take
WALKS, PICTURES = 4, 10  # chains of the figure, and pictures of each: after 0, 1, 2, 4, ... steps


class Chain(Protocol):
    """The steps of a trained model's chains; those of a batch are independent."""

    def start(self, pixels_BD: Tensor, stream: torch.Generator) -> Any:
        """Where chains are that begin at pixels in [0, 1]."""

    def move(self, state: Any, steps: int, stream: torch.Generator) -> tuple[Any, Tensor]:
        """Where they are after `steps` >= 1 steps, and the means [B, D] in [0, 1] of their pixels there."""


class SavedChains(SavedModel):
    """Draws from independent chains, and from one, that begin at pixels that know nothing unless a family says so."""

    main_view: ClassVar = "means"
    views: ClassVar = ("states", "one_chain")
    begin_at: ClassVar = "none"  # images at which chains begin, in words

    def chain(self, weights: str) -> Chain:
        """DataError if the file lacks these weights."""
        raise NotImplementedError

    def seen(self, test_NCHW: Tensor) -> Tensor:
        """Test images in [-1, 1] as the pixels [N, D] that a chain of the figure starts at."""
        return (test_NCHW.flatten(1) + 1) / 2

    @property
    def passes_per_image(self) -> int:
        """Dependent steps, of which each waits for the one before it."""
        return self.train.sampling_steps

    @torch.no_grad()
    def samples(
        self, weights: str, count: int, batch_size: int, seed: int
    ) -> Iterator[tuple[Tensor, ...]]:
        """means: those of the pixels where independent chains are, brought to [-1, 1]. states: bits drawn with
        them as probabilities, as the chain would draw them. one_chain: means of consecutive steps of a single
        chain after its first `train.sampling_steps`, as earlier papers counted samples."""
        chain, stream = self.chain(weights), generator(seed, "sample")
        bits, alone = generator(seed, "states"), generator(seed, "one chain")
        one, _ = self.from_start(chain, 1, alone)
        for start in range(0, count, batch_size):
            size = min(batch_size, count - start)
            means = self.images(self.from_start(chain, size, stream)[1])
            followed = []
            for _ in range(size):
                one, means_1D = chain.move(one, 1, alone)
                followed.append(means_1D)
            yield (
                means,
                binary.to_images(binary.draw(means, bits)),
                self.images(torch.cat(followed)),
            )

    @torch.no_grad()
    def wait_for_samples(self, weights: str, count: int, batch_size: int) -> Wait:
        chain, stream, steps = self.chain(weights), generator(0, "trial"), self.train.sampling_steps
        apart = seconds_of_step(chain, self.first_pixels(min(batch_size, count), stream), stream)
        alone = seconds_of_step(chain, self.first_pixels(1, stream), stream)
        return Wait(
            apart * steps * math.ceil(count / batch_size) + alone * (steps + count),
            f"{count:,} chains of {steps:,} steps, and one of {steps + count:,} (train.sampling_steps)",
        )

    def from_start(self, chain: Chain, count: int, stream: torch.Generator) -> tuple[Any, Tensor]:
        """Where `count` chains are, and their means, `train.sampling_steps` from `first_pixels`."""
        state = chain.start(self.first_pixels(count, stream), stream)
        return chain.move(state, self.train.sampling_steps, stream)

    @torch.no_grad()
    def walk(self, weights: str, test_NCHW: Tensor) -> Walk:
        """Chains from test images and from `first_pixels`: how long each stays near where it began."""
        chain, stream = self.chain(weights), generator(0, "walks")
        pixels_BD = self.seen(test_NCHW[: WALKS // 2])
        pixels_BD = torch.cat([pixels_BD, self.first_pixels(WALKS - len(pixels_BD), stream)])
        state, shown, done = chain.start(pixels_BD, stream), [pixels_BD], 0
        for steps in (2**power for power in range(PICTURES - 1)):
            state, means_BD = chain.move(state, steps - done, stream)
            done = steps
            shown.append(means_BD)
        return Walk(
            torch.stack([self.images(means_BD) for means_BD in shown], 1),
            f"chains from test images and from {self.begin_at}, after 0, 1, 2, 4, ... {done:,} steps",
        )

    def first_pixels(self, count: int, stream: torch.Generator) -> Tensor:
        """Pixels [count, D] that know nothing of the data: fair coins."""
        return (uniform((count, self.pixels), stream) < 0.5).float()

    def images(self, means_BD: Tensor) -> Tensor:
        """[B, C, H, W] in [-1, 1]."""
        return binary.to_images(means_BD).view(len(means_BD), *self.image_shape)


def seconds_of_step(chain: Chain, pixels_BD: Tensor, stream: torch.Generator) -> float:
    """Of one step of all chains, from a few after a first one, which is slower."""
    state, _ = chain.move(chain.start(pixels_BD, stream), 1, stream)
    begun = time.monotonic()
    chain.move(state, TRIAL_STEPS, stream)
    return (time.monotonic() - begun) / TRIAL_STEPS
