"""Trained auto-encoders, put together again from what their model file holds."""

from collections.abc import Mapping
from typing import Any, ClassVar

import torch
from torch import Tensor

from pipeline.compute.streams import generator
from pipeline.config.models.cae.train import Train
from pipeline.models.cae.net import Cae
from pipeline.models.cae.stack import STARTS, WalkOfCodes
from pipeline.models.common.chains import SavedChains


class Saved(SavedChains):
    """Draws by random walks from training images, which sample no stated density."""

    settings = Train
    begin_at: ClassVar = "training images"
    train: Train

    def __init__(self, about: Mapping[str, Any], tensors: Mapping[str, Tensor], where: str):
        super().__init__(about, tensors, where)
        self.starts_SD = tensors[STARTS]

    def chain(self, weights: str) -> WalkOfCodes:
        train, stream = self.train, generator(self.seed, "sample layers")
        first = Cae(self.pixels, train.first.hidden, stream)
        second = Cae(train.first.hidden, train.hidden, stream)
        first.load_state_dict(self.under("first."))
        second.load_state_dict(self.state(weights))
        return WalkOfCodes(first.eval(), second.eval(), train.walk_std)

    def first_pixels(self, count: int, stream: torch.Generator) -> Tensor:
        """Training images: from black ones, or fair coins, which no training image is near to, a walk does not come back."""
        chosen = torch.randint(len(self.starts_SD), (count,), generator=stream)
        return self.starts_SD[chosen].float() / 255

    def likelihood(self, weights: str) -> None:
        """None: an auto-encoder gives no density."""
