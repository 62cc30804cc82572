"""Terms that tips add to the players' losses."""

from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor

from pipeline.config.models.gan import tips
from pipeline.errors import TrainingError
from pipeline.models.common.player import Player
from pipeline.models.gan.game.updates import Minibatch
from pipeline.models.gan.nets import DiscriminatorOutput

# Shapes: B batch, F features of D, K classes, P pixels; images are BCHW.
Judge = Callable[[Tensor, Tensor | None], DiscriminatorOutput]
Show = Callable[[Tensor, int], Tensor]  # images as D sees them, at a step


def feature_matching(
    settings: tips.FeatureMatching, judge: Judge, show: Show
) -> Callable[[Minibatch], Tensor]:
    """weight * distance of f(x) and f(G(z)), f the inputs of D's last layer (Salimans 2016, section 3.1)."""
    distance = FEATURE_DISTANCES[settings.distance]

    def term(batch: Minibatch) -> Tensor:
        of_real = batch.of_real
        if of_real is None:
            with torch.no_grad():
                of_real = judge(show(batch.real.images, batch.step), batch.real.labels)
        return settings.weight * distance(
            of_real.features.detach().float(), batch.of_fake.features.float()
        )

    return term


def pixel_matching(settings: tips.PixelMatching) -> Callable[[Minibatch], Tensor]:
    """Distances between real images and samples as points: the energy distance of the two minibatches, and
    the mean distance of each real image to its nearest sample, each with its weight."""

    def term(batch: Minibatch) -> Tensor:
        real_BP, fake_BP = batch.real.images.flatten(1).float(), batch.fake.flatten(1).float()
        loss = fake_BP.new_zeros(())
        if settings.energy:
            loss = loss + settings.energy * energy_distance(real_BP, fake_BP)
        if settings.nearest:
            loss = loss + settings.nearest * distances(real_BP, fake_BP).amin(dim=1).mean()
        return loss

    return term


def of_means(real_BF: Tensor, fake_BF: Tensor) -> Tensor:
    """|E f(x) - E f(G(z))|^2."""
    return (real_BF.mean(dim=0) - fake_BF.mean(dim=0)).square().sum()


def energy_distance(real_BF: Tensor, fake_BF: Tensor) -> Tensor:
    """2 E|x - y| - E|x - x'| - E|y - y'| over two batches, without bias: pairs are of different images (Székely and
    Rizzo 2013). 0 in the mean for one distribution, greater for two."""
    between = distances(real_BF, fake_BF).mean()
    within = [
        distances(rows_BF, rows_BF).sum() / (len(rows_BF) * (len(rows_BF) - 1))
        for rows_BF in (real_BF, fake_BF)
    ]
    return 2 * between - sum(within)


def distances(x_BF: Tensor, y_CF: Tensor) -> Tensor:
    """[B, C]: Euclidean distances; 0, with the gradient 0, where they are below 0.001.

    By a matrix product: the backward pass of torch.cdist is not deterministic on CUDA. It stays in float32 where others
    are in 16 bits, because squares cancel: an image would be far from itself.
    """
    with torch.autocast(x_BF.device.type, enabled=False):
        squares_BC = (
            x_BF.square().sum(dim=1)[:, None] + y_CF.square().sum(dim=1) - 2 * x_BF @ y_CF.T
        )
    far_BC = squares_BC > 1e-6
    return squares_BC.where(far_BC, 1.0).sqrt().where(far_BC, 0.0)


FEATURE_DISTANCES = {"mean": of_means, "energy": energy_distance}


class HistoricalAverage:
    """Pulls a player's weights towards their mean so far (Salimans 2016, section 3.3).

    The gradient of weight * |theta - mean|^2 is added to the player's gradient vector, in place, before
    each step of the optimiser; the logged loss is without the term.
    """

    def __init__(self, settings: tips.HistoricalAveraging, player: Player):
        self.weight = settings.weight
        self.vector = player.vector
        self.mean = player.vector.detach().clone()
        self.updates = 0
        player.before_each_step(self._pull)

    def _pull(self) -> None:
        assert self.vector.grad is not None
        self.updates += 1
        self.mean.lerp_(self.vector.detach(), 1 / self.updates)
        self.vector.grad.add_(self.vector.detach() - self.mean, alpha=2 * self.weight)

    def state_dict(self) -> dict:
        return {"mean": self.mean, "updates": self.updates}

    def load_state_dict(self, state: dict) -> None:
        self.mean.copy_(state["mean"])
        self.updates = state["updates"]


def discriminators_classes(settings: tips.AuxiliaryClassifier) -> Callable[[Minibatch], Tensor]:
    """Cross-entropy of D's classes for data and, if G was told classes, for samples (Odena 2017, L_C)."""

    def term(batch: Minibatch) -> Tensor:
        assert batch.of_real is not None
        return settings.weight * (
            cross_entropy(batch.of_real, batch.real.labels)
            + cross_entropy(batch.of_fake, batch.latent.labels)
        )

    return term


def generators_classes(settings: tips.AuxiliaryClassifier) -> Callable[[Minibatch], Tensor]:
    """Cross-entropy of D's classes for samples with the classes that G was told (Odena 2017, L_C)."""
    return lambda batch: settings.weight * cross_entropy(batch.of_fake, batch.latent.labels)


def cross_entropy(judged: DiscriminatorOutput, labels_B: Tensor | None) -> Tensor:
    """Mean over images, in nats; 0 without labels. TrainingError if D does not classify."""
    if labels_B is None:
        return judged.logit.new_zeros(())
    if judged.classes is None:
        raise TrainingError(
            "train.auxiliary_classifier is set, but this discriminator judges no classes; remove it, "
            "or choose a net that does"
        )
    return F.cross_entropy(judged.classes.float(), labels_B)
