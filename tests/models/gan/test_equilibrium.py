"""What D is and loses at p_g = p_data, against the loss that D is trained on."""

import math

import pytest

from pipeline.config.models.gan.losses import is_critic
from pipeline.config.models.gan.train import Train
from pipeline.config.params import load
from pipeline.models.gan.game import losses
from pipeline.models.gan.game.equilibrium import equilibrium, optimal_discriminator
from pipeline.models.gan.training import Training
from tests.conftest import ROOT
from tests.models.gan.test_training import CPU, images, settings_with

IMAGES = 4_000  # soft targets are drawn: the standard error of a mean of so many is below 0.005


def recipe(name: str, run: str) -> Train:
    return load(ROOT / "recipes" / f"{name}.yaml").runs[run].train


SETTINGS = {
    "the paper's game": settings_with({}),
    "the mean of both losses": settings_with({"discriminator_loss_scale": 0.5}),
    "one-sided": settings_with({"labels": {"real": 0.9}}),
    "soft and flipped": settings_with(
        {"labels": {"real": [0.7, 1.2], "fake": [0.0, 0.3], "flip": 0.1}}
    ),
    "hinge": settings_with({"loss": "hinge"}),
    "least squares": settings_with({"loss": "least_squares"}),
    "Wasserstein": settings_with({"loss": "wasserstein", "r1": {}}),
    "relativistic": settings_with({"loss": "relativistic", "discriminator_loss_scale": 2.0}),
    "VAE/GAN": recipe("vaegan", "vae_gan"),
    "VAE": recipe("vaegan", "vae"),
}


@pytest.mark.parametrize("name", SETTINGS)
def test_at_equilibrium_ds_loss_is_flat_and_as_stated(name: str):
    """D that says the same of every image, real or not, has nothing to learn if that is the optimum."""
    settings = SETTINGS[name].model_copy(update={"batch_size": IMAGES, "precision": "float32"})
    expected = equilibrium(settings)
    game = Training(settings, 0, images(IMAGES), CPU)
    game.D.vector.detach().zero_()
    bias = game.D.net.last.bias
    d = 0.3 if expected.d is None else expected.d  # any constant
    bias.data.fill_(d if is_critic(settings.loss) else math.log(d / (1 - d)))
    seen = game.advance()
    (slope,) = (part for part in game.D._gradients if part.shape == bias.shape == (1,))
    for kind in ("d_real", "d_fake"):
        assert losses.value(settings.loss, seen[kind]).mean().item() == pytest.approx(d)
    drawn = settings.labels != type(settings.labels)()
    assert seen["d_loss"].item() == pytest.approx(expected.d_loss, abs=0.02 if drawn else 1e-5)
    assert slope.item() == pytest.approx(0, abs=0.02 if drawn else 1e-6)


def test_the_optimum_is_that_of_the_published_games():
    paper, smoothed, hybrid = (SETTINGS[n] for n in ("the paper's game", "one-sided", "VAE/GAN"))
    assert equilibrium(paper) == pytest.approx((1 / 2, math.log(4)))
    assert optimal_discriminator(paper, 0.3, 0.1) == pytest.approx(0.75)  # Proposition 1
    assert optimal_discriminator(smoothed, 1, 0) == pytest.approx(0.9)  # Salimans 2016
    assert equilibrium(smoothed).d == pytest.approx(0.45)
    assert equilibrium(hybrid) == pytest.approx((1 / 3, -math.log(1 / 3) - 2 * math.log(2 / 3)))


def test_flipped_targets_keep_the_best_d_from_certainty():
    flipped = settings_with({"labels": {"flip": 0.1}})
    assert optimal_discriminator(flipped, 1, 0) == pytest.approx(0.9)
    assert optimal_discriminator(flipped, 0, 1) == pytest.approx(0.1)
    assert equilibrium(flipped).d == pytest.approx(0.5)
