"""Minibatches of tensors in memory, reshuffled every epoch, without replacement."""

from typing import NamedTuple

import torch
from torch import Generator, Tensor


class Real(NamedTuple):
    """A minibatch of data."""

    images: Tensor  # [B, C, H, W]
    labels: Tensor | None = None  # [B], from 0


class Batches:
    """Endless minibatches; rows that do not fill the last one of an epoch are left out of it."""

    def __init__(
        self,
        images_NCHW: Tensor,
        labels_N: Tensor | None,
        batch_size: int,
        stream: Generator,
    ):
        self.images = images_NCHW
        self.labels = labels_N
        self.batch_size = batch_size
        self.stream = stream
        self.epoch = -1
        self._shuffle()

    def _shuffle(self) -> None:
        self.order = torch.randperm(
            len(self.images), generator=self.stream, device=self.images.device
        )
        self.position = 0
        self.epoch += 1

    def next(self) -> Real:
        if self.position + self.batch_size > len(self.images):
            self._shuffle()
        rows = self.order[self.position : self.position + self.batch_size]
        self.position += self.batch_size
        return Real(self.images[rows], None if self.labels is None else self.labels[rows])

    def state_dict(self) -> dict:
        return {"order": self.order, "position": self.position, "epoch": self.epoch}

    def load_state_dict(self, state: dict) -> None:
        self.order, self.position, self.epoch = state["order"], state["position"], state["epoch"]
