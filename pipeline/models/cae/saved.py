"""Trained auto-encoders, put together again from what their model file holds."""

import torch
from torch import Tensor

from pipeline.compute.streams import generator
from pipeline.config.models.cae.train import Train
from pipeline.models.cae.net import Cae
from pipeline.models.cae.stack import WalkOfCodes
from pipeline.models.common.chains import SavedChains


class Saved(SavedChains):
    """Draws by a random walk among codes, which is no sampler of any stated density."""

    settings = Train
    train: Train

    def chain(self, weights: str) -> WalkOfCodes:
        train, stream = self.train, generator(self.seed, "sample layers")
        first = Cae(self.pixels, train.first.hidden, stream)
        second = Cae(train.first.hidden, train.hidden, stream)
        first.load_state_dict(self.under("first."))
        second.load_state_dict(self.state(weights))
        return WalkOfCodes(first.eval(), second.eval(), train.walk_std)

    def nothing(self, count: int, stream: torch.Generator) -> Tensor:
        """Black pixels: from fair coins, half of them white, which no training image is near to, a walk may never come
        back."""
        return torch.zeros(count, self.pixels)

    def likelihood(self, weights: str) -> None:
        """None: an auto-encoder gives no density."""
