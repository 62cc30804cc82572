"""Experience replay: samples of earlier steps among those that D is shown (ganhacks 8)."""

import torch
from torch import Generator, Tensor

from pipeline.config.models.gan import tips
from pipeline.models.gan.noise import Latent


class Replay:
    """Keeps samples, with the noise and labels they were made of.

    Once `size` of them are kept, each sample shown to D is with probability `share` a kept one, drawn
    without replacement, and the fresh one takes its place (Shrivastava 2017).
    """

    def __init__(self, settings: tips.Replay, stream: Generator):
        self.settings = settings
        self.stream = stream
        self.filled = 0
        self.kept: list[Tensor | None] = []  # images [size, C, H, W], z [size, Z], labels [size]

    def __call__(self, fake_BCHW: Tensor, latent: Latent) -> tuple[Tensor, Latent]:
        fresh = (fake_BCHW, *latent)
        if self.filled < self.settings.size:
            self._fill(fresh)
            return fake_BCHW, latent
        count, device = len(fake_BCHW), self.stream.device
        drawn_B = torch.rand(count, generator=self.stream, device=device)
        rows = (drawn_B < self.settings.share).nonzero().squeeze(1)
        places = torch.randperm(self.settings.size, generator=self.stream, device=device)
        shown_images, *shown_latent = (
            exchange(part, kept, rows, places[: len(rows)])
            for part, kept in zip(fresh, self.kept, strict=True)
        )
        assert shown_images is not None
        return shown_images, Latent(*shown_latent)  # type: ignore[arg-type]

    def _fill(self, fresh: tuple[Tensor | None, ...]) -> None:
        size, start = self.settings.size, self.filled
        if not self.kept:
            self.kept = [None if x is None else x.new_zeros(size, *x.shape[1:]) for x in fresh]
        for part, kept in zip(fresh, self.kept, strict=True):
            if part is not None and kept is not None:
                end = min(size, start + len(part))
                kept[start:end] = part[: end - start]
                self.filled = end

    def state_dict(self) -> dict:
        return {"filled": self.filled, "kept": self.kept}

    def load_state_dict(self, state: dict) -> None:
        self.filled = state["filled"]
        self.kept = [None if x is None else x.to(self.stream.device) for x in state["kept"]]


def exchange(
    fresh_B: Tensor | None, kept_N: Tensor | None, rows: Tensor, places: Tensor
) -> Tensor | None:
    """A copy of `fresh` with its `rows` swapped for the `places` of `kept`, which is changed in place."""
    if fresh_B is None or kept_N is None:
        return fresh_B
    shown_B = fresh_B.clone()
    shown_B[rows] = kept_N[places]
    kept_N[places] = fresh_B[rows]
    return shown_B
