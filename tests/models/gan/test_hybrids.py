"""One step of the hybrids against NumPy and finite differences, and what they leave behind."""

import copy
from functools import partial

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from pipeline.compute.streams import generator
from pipeline.config.models.gan.autoencoders import Vae, VaeGan
from pipeline.config.models.gan.nets import MlpDiscriminator
from pipeline.config.models.gan.train import Train
from pipeline.config.params import load
from pipeline.io.tensors import write_model
from pipeline.models.common.player import Player
from pipeline.models.gan import nets
from pipeline.models.gan.failures import Yardstick, judge
from pipeline.models.gan.game import hybrids, updates
from pipeline.models.gan.game.hybrids import Coder, Posterior
from pipeline.models.gan.training import Training
from pipeline.stages.train import Paths
from pipeline.stages.train import run as run_stage
from tests.conftest import ROOT
from tests.models.gan.test_terms import features
from tests.models.gan.test_training import CPU, images, settings_with
from tests.models.gan.test_updates import (
    COMMON,
    D_,
    G_,
    G_LOSSES,
    LR,
    SHAPE,
    X,
    Z,
    d_loss,
    gradient,
    split,
    tiny_game,
    vector,
)

ENCODER = MlpDiscriminator(name="mlp", hidden=(4,), activation="softplus", **COMMON)
NORMAL = np.random.default_rng(2).normal(size=(4, 3))  # of the posterior's draws
KL_WEIGHT, PIXEL_STD, GAMMA = 0.7, 0.4, 0.3
KINDS = {
    "vae": Vae(name="vae", encoder=ENCODER, kl_weight=KL_WEIGHT, pixel_std=PIXEL_STD),
    "vae_gan": VaeGan(
        name="vae_gan", encoder=ENCODER, kl_weight=KL_WEIGHT, reconstruction_weight=GAMMA
    ),
}


def tiny_hybrid(kind: str) -> tuple[updates.Game, Coder]:
    game = tiny_game()
    net = nets.Encoder(ENCODER, 3, SHAPE, generator(0, "dropout"))
    nets.initialize(net, net.last, ENCODER, generator(0, "E"))
    E = Player(net.double(), COMMON["optimizer"])
    return game, Coder(KINDS[kind], E, lambda like: torch.from_numpy(NORMAL))


def posterior(e: np.ndarray, x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    w1, b1, w2, b2 = split(e, (4, 2), (4,), (6, 4), (6,))
    both = np.logaddexp(0, x @ w1.T + b1) @ w2.T + b2
    return both[:, :3], both[:, 3:]


def rebuilt(e: np.ndarray, g: np.ndarray, x: np.ndarray) -> np.ndarray:
    mean, log_variance = posterior(e, x)
    return G_(g, mean + np.exp(log_variance / 2) * NORMAL)


def kl(e: np.ndarray, x: np.ndarray) -> float:
    mean, log_variance = posterior(e, x)
    return 0.5 * (mean**2 + np.exp(log_variance) - 1 - log_variance).sum(axis=1).mean()


def pixel_error(e, g, d, x):
    return ((rebuilt(e, g, x) - x) ** 2).sum(axis=1).mean() / (2 * PIXEL_STD**2)


def error_of_features(e, g, d, x):
    return ((features(d, rebuilt(e, g, x)) - features(d, x)) ** 2).sum(axis=1).mean() / 2


ERRORS = {"vae": pixel_error, "vae_gan": error_of_features}


@pytest.mark.parametrize("kind", KINDS)
def test_the_encoder_and_g_descend_on_their_own_losses(kind: str):
    game, coder = tiny_hybrid(kind)
    e, g, d = vector(coder.E), vector(game.G), vector(game.D)
    error = partial(ERRORS[kind], d=d, x=X[0])

    def g_loss(theta):
        if kind == "vae":
            return error(e, theta)
        of_rebuilt = np.logaddexp(0, -D_(d, rebuilt(e, theta, X[0]))).mean()
        return GAMMA * error(e, theta) + of_rebuilt + G_LOSSES["non_saturating"](d, theta, Z[0])

    new_e = e - LR * gradient(lambda t: KL_WEIGHT * kl(t, X[0]) + error(t, g), e)
    new_g = g - LR * gradient(g_loss, g)
    seen = hybrids.generator_step(coder, game, 0, game.next_real(), game.next_latent(4))
    # both nets end in .float(), and the error is divided by a small variance
    np.testing.assert_allclose(vector(coder.E), new_e, atol=1e-5)
    np.testing.assert_allclose(vector(game.G), new_g, atol=1e-5)
    np.testing.assert_array_equal(vector(game.D), d)
    np.testing.assert_allclose(seen["kl"], kl(e, X[0]), rtol=1e-5)
    np.testing.assert_allclose(seen["reconstruction"], error(e, g), rtol=1e-5)
    np.testing.assert_allclose(seen["g_loss"], g_loss(g), rtol=1e-5)


def shipped_vae_gan() -> Training:
    """The recipe's game after some steps: dropout and instance noise as there."""
    train = load(ROOT / "recipes/vaegan.yaml").runs["vae_gan"].train
    assert train.discriminator.dropout_hidden > 0
    assert train.instance_noise.start > 0
    game = Training(train.model_copy(update={"batch_size": 20}), 0, images(), CPU)
    for _ in range(3):
        game.advance()
    return game


@pytest.mark.parametrize("norm", ["none", "batch"])
def test_a_perfect_reconstruction_costs_nothing_and_is_the_minimum(norm: str):
    """The features of equal images are equal: no dropout and no noise comes between them."""
    game = shipped_vae_gan()
    if norm == "batch":
        net = game.settings.discriminator.model_copy(update={"norm": norm})
        settings = game.settings.model_copy(update={"discriminator": net})
        game = Training(settings, 0, images(), CPU)
        game.advance()
    real = game.batches.next()
    perfect = real.images.clone().requires_grad_()
    error = hybrids.feature_error(game.game, real, perfect)
    assert error.item() == 0
    assert torch.autograd.grad(error, perfect)[0].count_nonzero() == 0
    stream = generator(0, "test")
    for size in (1e-2, 1e-1, 1.0):
        worse = perfect.detach() + size * torch.randn(perfect.shape, generator=stream)
        assert hybrids.feature_error(game.game, real, worse).item() > 0
    assert game.D.net.training, "D goes on learning with dropout"


def test_the_error_of_features_draws_no_random_numbers_and_moves_no_statistics():
    game = shipped_vae_gan()
    real = game.batches.next()
    before = game.streams.state_dict(), game.D.net_state()["buffers"]
    before = copy.deepcopy(before)
    hybrids.feature_error(game.game, real, real.images)
    streams, buffers = before
    assert all(torch.equal(state, streams[n]) for n, state in game.streams.state_dict().items())
    assert all(torch.equal(b, buffers[n]) for n, b in game.D.net.named_buffers())


def test_d_takes_reconstructions_for_samples():
    game, coder = tiny_hybrid("vae_gan")
    term = hybrids.reconstructions_are_samples(coder, game.G, game.judge, game.show, 1.0)
    game = tiny_game_with(game, term)
    e, g, d = vector(coder.E), vector(game.G), vector(game.D)

    def loss(theta):
        return d_loss(theta, g, X[0], Z[0]) + np.logaddexp(0, D_(theta, rebuilt(e, g, X[0]))).mean()

    updates.discriminator_step(game, 0, game.next_real(), game.next_latent(4))
    np.testing.assert_allclose(vector(game.D), d - LR * gradient(loss, d), atol=1e-6)


def tiny_game_with(game: updates.Game, term: updates.Term) -> updates.Game:
    return updates.Game(**{**vars(game), "discriminator_terms": (term,)})


def test_kl_is_that_of_the_library():
    mean, log_variance = torch.randn(2, 5, 3, generator=generator(0, "test"))
    q = torch.distributions.Normal(mean, (log_variance / 2).exp())
    expected = torch.distributions.kl_divergence(q, torch.distributions.Normal(0.0, 1.0))
    torch.testing.assert_close(Posterior(mean, log_variance).kl(), expected.sum(1).mean())


def test_the_posterior_draws_with_its_mean_and_deviation():
    count = 100_000
    mean, log_variance = torch.tensor([[1.0, -2.0]]), torch.tensor([[0.0, -3.0]])
    drawn = Posterior(mean.expand(count, 2), log_variance.expand(count, 2)).draw(
        torch.randn(count, 2, generator=generator(0, "test"))
    )
    torch.testing.assert_close(drawn.mean(0), mean[0], atol=0.02, rtol=0)
    torch.testing.assert_close(drawn.std(0), (log_variance[0] / 2).exp(), atol=0.01, rtol=0)


def hybrid_settings(kind: str, **changes) -> Train:
    encoder = {"hidden": [12], "activation": "relu", "init": {"name": "he"}}
    encoder["optimizer"] = {"name": "adam", "lr": 2e-3}
    return settings_with(
        {
            "noise": {"prior": "gaussian", "dim": 8},
            "autoencoder": {"name": kind, "encoder": encoder},
            **changes,
        }
    )


def test_a_vae_learns_nothing_from_d():
    """Another D, the same G and E to the bit."""
    weights = []
    for loss_scale in (1.0, 0.1):
        game = Training(
            hybrid_settings("vae", discriminator_loss_scale=loss_scale), 0, images(), CPU
        )
        for _ in range(5):
            game.advance()
        assert game.coder is not None
        weights.append((game.D.vector, torch.cat([game.G.vector, game.coder.E.vector])))
    (first_D, first), (second_D, second) = weights
    assert not torch.equal(first_D, second_D)
    assert torch.equal(first, second)


@pytest.mark.parametrize("kind", KINDS)
def test_reconstructions_come_nearer_to_the_images(kind: str):
    game = Training(hybrid_settings(kind, steps=300), 0, images(), CPU)
    assert game.coder is not None

    def distance() -> float:
        real = game.batches.next()
        with torch.no_grad():
            again, _ = game.coder.reconstruct(game.G, real)
        return (again - real.images).square().mean().item()

    before = distance()
    for _ in range(300):
        game.advance()
    assert distance() < 0.8 * before


def test_the_monitor_lets_d_win_beside_a_vae_only():
    """D may tell the samples of a VAE from data with certainty: nobody depends on it."""
    row = {"d_loss": 0.01, "g_loss": 300.0, "d_real": 0.999, "d_fake": 0.001}
    row |= {"g_gradient_norm": 500.0, "d_gradient_norm": 0.1, "diversity": 0.9}
    rows = [{"step": step, **row} for step in range(20)]
    of_vae = Yardstick.of(hybrid_settings("vae"))
    assert judge(rows, of_vae).verdict == "healthy"
    assert judge(rows, Yardstick.of(hybrid_settings("vae_gan"))).verdict == "exploding_gradient"
    collapsed = [{**each, "diversity": 0.01} for each in rows]
    assert judge(collapsed, of_vae).verdict == "collapse"
    lost = [*rows[:-1], {**rows[-1], "kl": float("nan")}]
    assert judge(lost, of_vae).verdict == "not_a_number"


def test_the_stage_keeps_the_encoder_and_logs_both_parts_of_its_loss(tmp_path):
    write_model(
        tmp_path / "data.safetensors",
        {"train_images": images(), "train_labels": torch.full((110,), -1)},
        {},
    )
    paths = Paths(
        data=tmp_path / "data.safetensors",
        model=tmp_path / "model.safetensors",
        log=tmp_path / "training.tsv",
        verdict=tmp_path / "verdict.json",
        costs=tmp_path / "costs.json",
        progress=tmp_path / "progress.png",
        live=tmp_path / "live",
        checkpoints=tmp_path / "checkpoints",
    )
    run_stage("test", hybrid_settings("vae_gan"), 0, 1, paths)
    header, *rows = (line.split("\t") for line in paths.log.read_text().splitlines())
    assert header[-2:] == ["reconstruction", "kl"]
    assert all(float(row[-1]) > 0 and float(row[-2]) > 0 for row in rows)
    kept = load_file(paths.model)
    assert kept["encoder.last.weight"].shape == (16, 12)  # means and log variances of 8 numbers


def test_rows_of_a_plain_game_have_no_columns_of_hybrids():
    game = Training(settings_with({}), 0, images(), CPU)
    assert not {"reconstruction", "kl"} & set(game.measure(game.advance()))
