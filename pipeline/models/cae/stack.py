"""Two auto-encoders, one on the other, as a chain."""

import torch
from torch import Tensor

from pipeline.models.cae.net import Cae


class WalkOfCodes:
    """Walks among codes of the first auto-encoder, which are inputs of the second; the first decodes them."""

    def __init__(self, first: Cae, second: Cae, std: float):
        self.first = first
        self.second = second
        self.std = std

    def start(self, pixels_BD: Tensor, stream: torch.Generator) -> Tensor:
        return self.first.encode(pixels_BD)

    @torch.no_grad()
    def move(self, state: Tensor, steps: int, stream: torch.Generator) -> tuple[Tensor, Tensor]:
        for _ in range(steps):
            state = self.second.walked(state, self.std, stream)
        return state, self.first.decode(state)
