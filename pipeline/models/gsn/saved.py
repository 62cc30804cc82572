"""A trained generative stochastic net, put together again from what its model file holds."""

import torch
from torch import Tensor

from pipeline.compute.streams import generator
from pipeline.config.models.gsn.train import Train
from pipeline.models.common.chains import SavedChains
from pipeline.models.gsn.net import Gsn, State


class NoisyChain:
    """The net's own steps."""

    def __init__(self, net: Gsn):
        self.net = net

    def start(self, pixels_BD: Tensor, stream: torch.Generator) -> State:
        return self.net.start(pixels_BD, stream)

    def move(self, state: State, steps: int, stream: torch.Generator) -> tuple[State, Tensor]:
        for _ in range(steps):
            state, logits_BD = self.net(state, stream)
        return state, torch.sigmoid(logits_BD)


class Saved(SavedChains):
    """Draws by chains; it knows no density."""

    settings = Train
    train: Train

    def chain(self, weights: str) -> NoisyChain:
        train, stream = self.train, generator(self.seed, "sample layers")
        net = Gsn(self.pixels, train.hidden, train.corruption, train.noise_std, stream)
        net.load_state_dict(self.state(weights))
        return NoisyChain(net.eval())

    def first_pixels(self, count: int, stream: torch.Generator) -> Tensor:
        """Black pixels: from fair coins, half of them white, which no training image is near to, the chain stays for good among
        negatives of digits."""
        return torch.zeros(count, self.pixels)

    def likelihood(self, weights: str) -> None:
        """None: the chain's stationary distribution has no formula."""
