"""A baseline, put together again from what its model file holds."""

from collections.abc import Iterator
from typing import ClassVar

import torch
from torch import Tensor

from pipeline.compute.streams import generator
from pipeline.config.models.baseline.train import Pixels, Train
from pipeline.models.common import binary
from pipeline.models.common.likelihood import Likelihood
from pipeline.models.common.saved import SavedModel, Walk

WALKS, NEAREST = 4, 9  # rows of the figure, and images in each beside the first


class Saved(SavedModel):
    """Draws one of the images that it keeps, each once before any a second time."""

    settings = Train
    main_view: ClassVar = "means"
    views: ClassVar = ("states",)
    train: Train
    passes_per_image = 1

    def kept(self, weights: str) -> Tensor:
        """[K, C, H, W] in [-1, 1]."""
        return self.state(weights)["images"]

    def samples(
        self, weights: str, count: int, batch_size: int, seed: int
    ) -> Iterator[tuple[Tensor, ...]]:
        """means: `count` of the images, in an order of `seed`. states: bits, 1 with their pixels as probabilities."""
        kept_KCHW, stream = self.kept(weights), generator(seed, "sample")
        orders = -(-count // len(kept_KCHW))
        rows = [torch.randperm(len(kept_KCHW), generator=stream) for _ in range(orders)]
        for chosen in torch.cat(rows)[:count].split(batch_size):
            grey = kept_KCHW[chosen]
            yield grey, binary.to_images(binary.draw(grey, stream))

    def likelihood(self, weights: str) -> Likelihood | None:
        """Exact for independent pixels, of bits drawn once; a set of images has none."""
        if not isinstance(self.train.baseline, Pixels):
            return None
        mean_D = ((self.kept(weights) + 1) / 2).flatten().double()

        def of(images_NCHW: Tensor, name: str) -> Tensor:
            bits_ND = binary.once(images_NCHW, "fixed", name).flatten(1).double()
            return bits_ND @ mean_D.log() + (1 - bits_ND) @ (-mean_D).log1p()

        return Likelihood("exact", "binarised", "independent pixels; bits: fixed", of)

    def walk(self, weights: str, test_NCHW: Tensor) -> Walk:
        """Test images, and those that are kept nearest to them; of one image bits drawn from it."""
        kept_KCHW, test = self.kept(weights), test_NCHW[:WALKS]
        if len(kept_KCHW) == 1:
            grey = kept_KCHW.expand(WALKS * NEAREST, -1, -1, -1)
            drawn = binary.to_images(binary.draw(grey, generator(0, "walks")))
            rows = torch.cat(
                [kept_KCHW.expand(WALKS, 1, -1, -1, -1), drawn.unflatten(0, (WALKS, -1))], 1
            )
            return Walk(rows, "the mean image, and bits drawn with its pixels as probabilities")
        apart = torch.cdist(test.flatten(1), kept_KCHW.flatten(1))
        near = apart.topk(min(NEAREST, len(kept_KCHW)), largest=False).indices
        rows = torch.cat([test[:, None], kept_KCHW[near]], 1)
        return Walk(rows, "test images, and the nearest of what the baseline draws from")
