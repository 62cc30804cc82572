"""Minibatches of tensors in memory, reshuffled every epoch, without replacement."""

import math
from typing import Literal, NamedTuple

import torch
from torch import Tensor

from pipeline.compute.streams import Stream


class Real(NamedTuple):
    """A minibatch of data."""

    images: Tensor  # [B, C, H, W]
    labels: Tensor | None = None  # [B], from 0


class Batches:
    """Endless minibatches; an epoch shows each image at most once.

    The last minibatch of an epoch, if it is not full, is dropped or used as a smaller one.
    """

    def __init__(
        self,
        images_NCHW: Tensor,
        labels_N: Tensor | None,
        batch_size: int,
        stream: Stream,
        device: torch.device | None = None,
        last_minibatch: Literal["dropped", "trained"] = "dropped",
    ):
        """`batch_size`: of all ranks together; `next` gives the rows of this one, on `device`."""
        self.images = images_NCHW
        self.labels = None if labels_N is None else labels_N.to(images_NCHW.device)
        self.device = images_NCHW.device if device is None else device
        self.batch_size = batch_size
        self.stream = stream
        left_out = len(images_NCHW) % batch_size if last_minibatch == "dropped" else 0
        self.epoch_images = len(images_NCHW) - left_out
        self.epoch = -1
        self._shuffle()

    def _shuffle(self) -> None:
        self.order = torch.randperm(len(self.images), generator=self.stream).to(self.images.device)
        self.position = 0
        self.epoch += 1

    @property
    def next_epoch(self) -> int:
        """The pass over the data, from 0, that the next minibatch belongs to."""
        return self.epoch + (self.position == self.epoch_images)

    def images_in(self, minibatches: int) -> int:
        """Number of images in the first `minibatches`, of all ranks together."""
        epochs, more = divmod(minibatches, math.ceil(self.epoch_images / self.batch_size))
        return epochs * self.epoch_images + min(more * self.batch_size, self.epoch_images)

    def next(self) -> Real:
        """This rank's rows of the next minibatch, on `device`; reshuffles at the end of an epoch."""
        if self.position == self.epoch_images:
            self._shuffle()
        end = min(self.position + self.batch_size, self.epoch_images)
        rows = self.stream.own(self.order[self.position : end])
        self.position = end
        images = self.images[rows].to(self.device)
        return Real(images, None if self.labels is None else self.labels[rows].to(self.device))

    def state_dict(self) -> dict:
        return {"order": self.order, "position": self.position, "epoch": self.epoch}

    def load_state_dict(self, state: dict) -> None:
        self.order = state["order"].to(self.images.device)
        self.position, self.epoch = state["position"], state["epoch"]
