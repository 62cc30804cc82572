"""What tips add to the players' losses, against NumPy and finite differences."""

import numpy as np
import pytest
import torch

from pipeline.config.models.gan.tips import FeatureMatching, HistoricalAveraging, PixelMatching
from pipeline.models.gan.game import terms, updates
from tests.models.gan.test_updates import (
    G_,
    G_LOSSES,
    LR,
    X,
    Z,
    d_loss,
    gradient,
    split,
    tiny_game,
    vector,
)


def features(theta: np.ndarray, x: np.ndarray) -> np.ndarray:
    w1, b1, _, _ = split(theta, (4, 2), (4,), (1, 4), (1,))
    return np.logaddexp(0, x @ w1.T + b1)


@pytest.mark.parametrize("alone", [True, False])
@pytest.mark.parametrize("update", ["alternating", "simultaneous"])
def test_feature_matching_brings_the_mean_features_together(update: str, alone: bool):
    game = tiny_game(update=update, feature_matching=FeatureMatching(weight=0.3, alone=alone))
    d, g = vector(game.D), vector(game.G)

    def loss(theta):
        gap = features(d, X[0]).mean(axis=0) - features(d, G_(theta, Z[0])).mean(axis=0)
        usual = 0 if alone else G_LOSSES["non_saturating"](d, theta, Z[0])
        return usual + 0.3 * (gap**2).sum()

    if update == "simultaneous":
        updates.simultaneous(game, 0)
    else:
        updates.generator_step(game, 0, game.next_real(), game.next_latent(4))
    np.testing.assert_allclose(vector(game.G), g - LR * gradient(loss, g), atol=1e-6)


def check_step_of_g(game, update: str, loss) -> None:
    """G of `game` has the `loss` of its weights, and goes down its slope."""
    g = vector(game.G)
    if update == "simultaneous":
        seen = updates.simultaneous(game, 0)
    else:
        seen = updates.generator_step(game, 0, game.next_real(), game.next_latent(4))
    assert seen["g_loss"].item() == pytest.approx(loss(g), abs=1e-5)
    np.testing.assert_allclose(vector(game.G), g - LR * gradient(loss, g), atol=1e-5)


def pairs(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    return np.linalg.norm(x[:, None] - y[None], axis=2)


@pytest.mark.parametrize("update", ["alternating", "simultaneous"])
def test_feature_matching_by_the_energy_distance_brings_all_of_the_distributions_together(
    update: str,
):
    tip = FeatureMatching(weight=0.3, alone=True, distance="energy")
    game = tiny_game(update=update, feature_matching=tip)
    d = vector(game.D)

    def loss(theta):
        real, fake = features(d, X[0]), features(d, G_(theta, Z[0]))
        within = [pairs(f, f).sum() / (4 * 3) for f in (real, fake)]
        return 0.3 * (2 * pairs(real, fake).mean() - sum(within))

    check_step_of_g(game, update, loss)


@pytest.mark.parametrize("update", ["alternating", "simultaneous"])
def test_pixel_matching_brings_samples_and_data_together_as_points(update: str):
    tip = PixelMatching(energy=0.3, nearest=0.2)
    game = tiny_game(update=update, pixel_matching=tip)
    d = vector(game.D)

    def loss(theta):
        real, fake = X[0], G_(theta, Z[0])
        within = [pairs(x, x).sum() / (4 * 3) for x in (real, fake)]
        energy = 2 * pairs(real, fake).mean() - sum(within)
        nearest = pairs(real, fake).min(axis=1).mean()
        return G_LOSSES["non_saturating"](d, theta, Z[0]) + 0.3 * energy + 0.2 * nearest

    check_step_of_g(game, update, loss)


def test_the_energy_distance_has_no_bias_and_sees_what_means_do_not():
    def draw(count: int, std: float) -> torch.Tensor:
        return std * torch.randn(count, 2, generator=stream)

    stream = torch.Generator().manual_seed(0)
    same = torch.stack([terms.energy_distance(draw(8, 1), draw(8, 1)) for _ in range(1_000)])
    assert abs(same.mean()) < 4 * same.std() / 1_000**0.5
    # of two centred Gaussians in the plane: E|N(0, s^2 I)| = s sqrt(pi / 2)
    expected = (np.pi / 2) ** 0.5 * (2 * (1 + 9) ** 0.5 - 2**0.5 - 3 * 2**0.5)
    other = terms.energy_distance(draw(4_000, 1), draw(4_000, 3))
    assert other.item() == pytest.approx(expected, rel=0.05)


def test_the_energy_distance_of_equal_images_has_a_gradient():
    equal_BF = torch.ones(4, 3, requires_grad=True)
    terms.energy_distance(torch.zeros(4, 3), equal_BF).backward()
    # pulled towards the data: each by 2 / 4 along the diagonal, nothing by the equal others
    assert torch.allclose(equal_BF.grad, torch.full((4, 3), 2 / 4 / 3**0.5))


@pytest.mark.parametrize("low", [torch.bfloat16, torch.float16])
def test_images_are_as_far_apart_where_products_are_in_16_bits(low: torch.dtype):
    stream = torch.Generator().manual_seed(0)
    x, y = torch.rand(2, 20, 784, generator=stream)
    with torch.autocast("cpu", low):
        found, own = terms.distances(x, y), terms.distances(x, x).diagonal()
    torch.testing.assert_close(found, torch.cdist(x, y), atol=1e-4, rtol=0)
    assert own.max() < 0.05  # in 16 bits 0.1 to 2


def test_historical_averaging_pulls_both_players_to_their_mean_so_far():
    game = tiny_game(historical_averaging=HistoricalAveraging(weight=0.7))
    d, g = [vector(game.D)], [vector(game.G)]
    for i in range(3):
        pull_d, pull_g = (2 * 0.7 * (past[-1] - np.mean(past, axis=0)) for past in (d, g))
        z_d, z_g = Z[2 * i], Z[2 * i + 1]
        d_gradient = gradient(lambda t, i=i, z=z_d: d_loss(t, g[-1], X[i], z), d[-1])
        d.append(d[-1] - LR * (d_gradient + pull_d))
        g_gradient = gradient(lambda t, z=z_g: G_LOSSES["non_saturating"](d[-1], t, z), g[-1])
        g.append(g[-1] - LR * (g_gradient + pull_g))
        updates.alternating(game, 0, 1)
    np.testing.assert_allclose(vector(game.D), d[-1], atol=3e-6)
    np.testing.assert_allclose(vector(game.G), g[-1], atol=3e-6)
