"""D's output and loss at equilibrium, by the settings of a run.

With p and q the densities of real and fake images, a and b the mean targets of the two, and n kinds of
fake images of density q, D's loss per x is (p + n q) times the cross-entropy of D(x) with
(a p + n b q) / (p + n q), which is therefore the best D(x). For a = 1, b = 0, n = 1 this is Proposition 1
of the 2014 paper, p / (p + q). For critics see the docstrings of game/losses.py.
"""

import math
from typing import NamedTuple

from pipeline.config.models.gan.autoencoders import VaeGan
from pipeline.config.models.gan.tips import Labels
from pipeline.config.models.gan.train import Train


class Equilibrium(NamedTuple):
    """D at p_g = p_data, where the best D is a constant."""

    d: float | None  # D(x), also of samples; None where any constant is as good
    d_loss: float  # with `discriminator_loss_scale`; without what R1 or a classifier add


OF_CRITICS = {
    "hinge": Equilibrium(None, 2.0),
    "least_squares": Equilibrium(1 / 2, 1 / 4),
    "wasserstein": Equilibrium(None, 0.0),
    "relativistic": Equilibrium(None, math.log(2)),
}


def equilibrium(settings: Train) -> Equilibrium:
    """D at p_g = p_data: 1/2 and 2 log 2 in the paper's game, 1/3 and log 3 + 2 log 3/2 for a VAE/GAN."""
    if settings.loss in OF_CRITICS:
        d, d_loss = OF_CRITICS[settings.loss]
    else:
        d = probability(settings, p_data=1, p_g=1)
        d_loss = (1 + kinds_of_fakes(settings)) * entropy(d)
    return Equilibrium(d, settings.discriminator_loss_scale * d_loss)


def optimal_discriminator(settings: Train, p_data: float, p_g: float) -> float | None:
    """The best D(x) where real images have density `p_data` and each kind of fake ones `p_g`; up to a constant for
    a relativistic loss, None for a Wasserstein one, where it depends on other x.

    A perfect D gives real images the value at densities (1, 0), fake ones that at (0, 1).
    """
    match settings.loss:
        case "hinge":
            return float((p_data > p_g) - (p_data < p_g))
        case "relativistic":
            if 0 in (p_data, p_g):
                return math.copysign(math.inf, p_data - p_g)
            return math.log(p_data / p_g)
        case "wasserstein":
            return None
    return probability(settings, p_data, p_g)


def probability(settings: Train, p_data: float, p_g: float) -> float:
    """The best D(x) under a cross-entropy or least squares."""
    real, fake = mean_targets(settings.labels)
    q = kinds_of_fakes(settings) * p_g
    return (real * p_data + fake * q) / (p_data + q)


def mean_targets(labels: Labels) -> tuple[float, float]:
    """Mean target of real and of fake images, flipped ones included."""
    real, fake, flip = sum(labels.real) / 2, sum(labels.fake) / 2, labels.flip
    return real + flip * (fake - real), fake + flip * (real - fake)


def kinds_of_fakes(settings: Train) -> int:
    """1: samples; 2 where D is also shown as many reconstructions (Larsen 2016)."""
    return 2 if isinstance(settings.autoencoder, VaeGan) else 1


def entropy(probability: float) -> float:
    """Entropy, in nats, of a Bernoulli variable."""
    return -sum(p * math.log(p) for p in (probability, 1 - probability) if p > 0)
