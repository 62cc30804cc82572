"""One iteration against a computation that shares nothing with it: NumPy and finite differences."""

import itertools

import numpy as np
import pytest
import torch

from pipeline.config.train import (
    HeInit,
    MlpDiscriminator,
    MlpGenerator,
    Momentum,
    Noise,
    Sgd,
    Train,
)
from pipeline.gan import losses, nets, updates
from pipeline.gan.batches import Real
from pipeline.gan.noise import Latent
from pipeline.gan.player import Player
from pipeline.gan.streams import generator

LR = 0.1
SHAPE = (1, 1, 2)  # "images" of two pixels
X = np.random.default_rng(0).normal(size=(3, 4, 2))  # three minibatches of four
Z = np.random.default_rng(1).normal(size=(6, 4, 3))
COMMON = {
    "init": HeInit(name="he"),
    "optimizer": Sgd(name="sgd", lr=LR, momentum=Momentum(start=0.0, end=0.0)),
}


def tiny_game(generator_loss: str, scale: float = 1.0, image_by_image: bool = True) -> updates.Game:
    train = Train(
        steps=1,
        batch_size=4,
        noise=Noise(dim=3),
        generator=MlpGenerator(
            name="mlp", hidden=(5,), activation="tanh", output="linear", **COMMON
        ),
        discriminator=MlpDiscriminator(name="mlp", hidden=(4,), activation="softplus", **COMMON),
    )
    G = nets.Generator(train, SHAPE, 0, generator(0, "layers"))
    D = nets.Discriminator(train, SHAPE, 0, generator(0, "dropout"))
    for net, seed in ((G, "G"), (D, "D")):
        nets.initialize(net, HeInit(name="he"), generator(0, seed))
    real, noise = iter(X), itertools.cycle(Z)
    D = D.double()
    # the nets end in .float(): inputs are float64, and 1e-6 is what is left of that
    return updates.Game(
        G=Player(G.double(), COMMON["optimizer"]),
        D=Player(D, COMMON["optimizer"]),
        next_real=lambda: Real(torch.from_numpy(next(real)).reshape(4, *SHAPE)),
        next_latent=lambda: Latent(torch.from_numpy(next(noise))),
        judge=D.judge,
        blur=lambda images: images.double(),
        discriminator_loss=lambda real, fake: scale * losses.discriminator(real, fake),
        generator_loss=losses.GENERATOR[generator_loss],
        image_by_image=image_by_image,
        logits_only=True,
    )


def vector(player: Player) -> np.ndarray:
    return player.vector.detach().numpy().copy()


def split(theta: np.ndarray, *shapes: tuple) -> list[np.ndarray]:
    sizes = np.cumsum([int(np.prod(shape)) for shape in shapes])[:-1]
    return [part.reshape(s) for part, s in zip(np.split(theta, sizes), shapes, strict=True)]


def G_(theta, z):
    w1, b1, w2, b2 = split(theta, (5, 3), (5,), (2, 5), (2,))
    return np.tanh(z @ w1.T + b1) @ w2.T + b2


def D_(theta, x):
    w1, b1, w2, b2 = split(theta, (4, 2), (4,), (1, 4), (1,))
    return (np.logaddexp(0, x @ w1.T + b1) @ w2.T + b2)[:, 0]


def d_loss(d, g, x, z):
    return np.logaddexp(0, -D_(d, x)).mean() + np.logaddexp(0, D_(d, G_(g, z))).mean()


G_LOSSES = {
    "non_saturating": lambda d, g, z: np.logaddexp(0, -D_(d, G_(g, z))).mean(),
    "minimax": lambda d, g, z: -np.logaddexp(0, D_(d, G_(g, z))).mean(),
}


def gradient(function, theta: np.ndarray, eps: float = 1e-5) -> np.ndarray:
    steps = np.eye(len(theta)) * eps
    return np.array([(function(theta + s) - function(theta - s)) / (2 * eps) for s in steps])


@pytest.mark.parametrize("loss", G_LOSSES)
@pytest.mark.parametrize("k", [1, 3])
def test_alternating_is_algorithm_1(loss: str, k: int):
    game = tiny_game(loss)
    d, g = vector(game.D), vector(game.G)
    for i in range(k):
        d = d - LR * gradient(lambda t, i=i: d_loss(t, g, X[i], Z[i]), d)
    g = g - LR * gradient(lambda t: G_LOSSES[loss](d, t, Z[k]), g)
    updates.alternating(game, k)
    np.testing.assert_allclose(vector(game.D), d, atol=1e-6)
    np.testing.assert_allclose(vector(game.G), g, atol=1e-6)


@pytest.mark.parametrize("loss", G_LOSSES)
@pytest.mark.parametrize("scale", [1.0, 0.5])
@pytest.mark.parametrize("image_by_image", [True, False], ids=["one pass", "two passes"])
def test_simultaneous_takes_both_gradients_at_the_old_weights(
    loss: str, scale: float, image_by_image: bool
):
    game = tiny_game(loss, scale, image_by_image)
    d, g = vector(game.D), vector(game.G)
    new_d = d - LR * gradient(lambda t: scale * d_loss(t, g, X[0], Z[0]), d)
    new_g = g - LR * gradient(lambda t: G_LOSSES[loss](d, t, Z[0]), g)
    updates.simultaneous(game)
    np.testing.assert_allclose(vector(game.D), new_d, atol=1e-6)
    np.testing.assert_allclose(vector(game.G), new_g, atol=1e-6)


def test_the_generator_step_leaves_the_discriminator_and_its_gradient_alone():
    game = tiny_game("non_saturating")
    real = game.next_real()
    updates.discriminator_step(game, real, game.next_latent())
    before, norm = vector(game.D), game.D.gradient_norm()
    updates.generator_step(game, real, game.next_latent())
    np.testing.assert_array_equal(vector(game.D), before)
    assert game.D.gradient_norm() == norm


def test_real_and_fake_never_share_a_batch_of_a_net_that_mixes_images():
    """ganhacks 4: BatchNorm sees one kind of image at a time."""
    for image_by_image, expected in ((False, [4, 4, 4]), (True, [8, 4])):
        game = tiny_game("non_saturating", image_by_image=image_by_image)
        sizes = []
        game.D.net.body.register_forward_pre_hook(
            lambda net, inputs, sizes=sizes: sizes.append(len(inputs[0]))
        )
        updates.alternating(game, 1)
        assert sizes == expected


def test_a_certain_discriminator_gives_finite_factors():
    game = tiny_game("non_saturating")
    factors = updates.turned(game, torch.tensor([-1e4, -50.0, 0.0, 50.0, 1e4]))
    assert factors.isfinite().all()
    assert factors[2].item() == pytest.approx(-1.0)
