"""Trained auto-encoders, put together again from what their model file holds."""

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

    def likelihood(self, weights: str) -> None:
        """None: an auto-encoder gives no density."""
