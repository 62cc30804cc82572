"""Two auto-encoders, one on the other, as a chain."""

import torch
from torch import Tensor

from pipeline.models.cae.net import Cae

STARTS = "starts.images"  # in the model file: training images that walks start at, uint8 [S, D]


class WalkOfCodes:
    """Walks among images, by a step of the second auto-encoder among the codes that the first gives them."""

    def __init__(self, first: Cae, second: Cae, std: float):
        self.first = first
        self.second = second
        self.std = std

    def start(self, pixels_BD: Tensor, stream: torch.Generator) -> Tensor:
        return pixels_BD

    @torch.no_grad()
    def move(self, state: Tensor, steps: int, stream: torch.Generator) -> tuple[Tensor, Tensor]:
        for _ in range(steps):
            codes_BH = self.second.walked(self.first.encode(state), self.std, stream)
            state = self.first.decode(codes_BH)
        return state, state
