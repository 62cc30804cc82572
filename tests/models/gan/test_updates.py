"""One iteration against a computation that shares nothing with it: NumPy and finite differences."""

import itertools
from typing import Any

import numpy as np
import pytest
import torch

from pipeline.compute import devices
from pipeline.compute.streams import Streams, generator
from pipeline.config.models.common.optimizers import Momentum, Sgd
from pipeline.config.models.gan.inits import HeInit
from pipeline.config.models.gan.losses import OF_PROBABILITIES
from pipeline.config.models.gan.nets import MlpDiscriminator, MlpGenerator
from pipeline.config.models.gan.tips import (
    Labels,
)
from pipeline.config.models.gan.train import Noise, Train
from pipeline.models.common.batches import Real
from pipeline.models.common.player import Player
from pipeline.models.gan import nets
from pipeline.models.gan.game import assemble, losses, updates
from pipeline.models.gan.game.targets import Targets
from pipeline.models.gan.noise import Latent
from pipeline.models.gan.training import Training
from tests.models.gan.test_training import CPU, images, settings_with

LR = 0.1
SHAPE = (1, 1, 2)  # "images" of two pixels
X = np.random.default_rng(0).normal(size=(3, 4, 2))  # three minibatches of four
Z = np.random.default_rng(1).normal(size=(6, 4, 3))
COMMON = {
    "init": HeInit(name="he"),
    "optimizer": Sgd(name="sgd", lr=LR, momentum=Momentum(start=0.0, end=0.0)),
}


def tiny_game(
    loss: str = "non_saturating",
    scale: float = 1.0,
    image_by_image: bool = True,
    batches: str = "separate",
    **tips: Any,
) -> updates.Game:
    """`tips`: further keys of `train`, as in params.yaml."""
    train = Train(
        steps=1,
        batch_size=4,
        noise=Noise(dim=3),
        loss=loss,
        **({"r1": {"gamma": 1e-9}} if loss == "wasserstein" else {}),
        discriminator_loss_scale=scale,
        generator=MlpGenerator(
            name="mlp", hidden=(5,), activation="tanh", output="linear", **COMMON
        ),
        discriminator=MlpDiscriminator(name="mlp", hidden=(4,), activation="softplus", **COMMON),
        **tips,
    )
    # whether D mixes images is pretended here, which the settings' validation would not believe
    train = train.model_copy(update={"batches": batches})
    G = nets.generator_of(train, SHAPE, 0, generator(0, "layers"))
    D = nets.discriminator_of(train, SHAPE, 0, generator(0, "dropout"))
    for net, seed in ((G, "G"), (D, "D")):
        nets.initialize(net, net.last, train.generator, generator(0, seed))
    real, noise = iter(X), itertools.cycle(Z)
    D = D.double()
    # the nets end in .float(): inputs are float64, and 1e-6 is what is left of that
    return assemble.game(
        train,
        G=Player(G.double(), COMMON["optimizer"]),
        D=Player(D, COMMON["optimizer"]),
        next_real=lambda: Real(torch.from_numpy(next(real)).reshape(4, *SHAPE)),
        next_latent=lambda count: Latent(torch.from_numpy(next(noise))),
        judge=lambda images, labels=None: D.judge(images.double(), labels),
        image_by_image=image_by_image,
        streams=Streams(0),
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


def cross_entropy(real, fake):
    return np.logaddexp(0, -real).mean() + np.logaddexp(0, fake).mean()


# of D's outputs for data and for samples, each formula as published
FORMULAS = {
    "non_saturating": (cross_entropy, lambda real, fake: np.logaddexp(0, -fake).mean()),
    "minimax": (cross_entropy, lambda real, fake: -np.logaddexp(0, fake).mean()),
    "label_flip": (cross_entropy, lambda real, fake: np.logaddexp(0, -fake).mean()),
    "hinge": (
        lambda real, fake: np.maximum(0, 1 - real).mean() + np.maximum(0, 1 + fake).mean(),
        lambda real, fake: -fake.mean(),
    ),
    "least_squares": (
        lambda real, fake: ((real - 1) ** 2).mean() / 2 + (fake**2).mean() / 2,
        lambda real, fake: ((fake - 1) ** 2).mean() / 2,
    ),
    "wasserstein": (
        lambda real, fake: fake.mean() - real.mean(),
        lambda real, fake: -fake.mean(),
    ),
    "relativistic": (
        lambda real, fake: np.log(1 + np.exp(fake - real)).mean(),
        lambda real, fake: np.log(1 + np.exp(real - fake)).mean(),
    ),
}


def d_loss(d, g, x, z, loss="non_saturating"):
    return FORMULAS[loss][0](D_(d, x), D_(d, G_(g, z)))


def g_loss(d, g, x, z, loss="non_saturating"):
    return FORMULAS[loss][1](D_(d, x), D_(d, G_(g, z)))


G_LOSSES = {
    loss: lambda d, g, z, loss=loss: g_loss(d, g, np.zeros((4, 2)), z, loss)
    for loss in ("non_saturating", "minimax")
}


def gradient(function, theta: np.ndarray, eps: float = 1e-5) -> np.ndarray:
    steps = np.eye(len(theta)) * eps
    return np.array([(function(theta + s) - function(theta - s)) / (2 * eps) for s in steps])


@pytest.mark.parametrize("loss", FORMULAS)
@pytest.mark.parametrize("k", [1, 3])
def test_alternating_is_algorithm_1(loss: str, k: int):
    game = tiny_game(loss)
    d, g = vector(game.D), vector(game.G)
    for i in range(k):
        d = d - LR * gradient(lambda t, i=i: d_loss(t, g, X[i], Z[i], loss), d)
    g = g - LR * gradient(lambda t: g_loss(d, t, X[k - 1], Z[k], loss), g)
    updates.alternating(game, 0, k)
    np.testing.assert_allclose(vector(game.D), d, atol=1e-6)
    np.testing.assert_allclose(vector(game.G), g, atol=1e-6)


@pytest.mark.parametrize("k", [1, 3])
def test_without_fresh_noise_g_learns_from_the_samples_that_d_saw_last(k: int):
    game = tiny_game(fresh_noise=False)
    d, g = vector(game.D), vector(game.G)
    for i in range(k):
        d = d - LR * gradient(lambda t, i=i: d_loss(t, g, X[i], Z[i]), d)
    g = g - LR * gradient(lambda t: G_LOSSES["non_saturating"](d, t, Z[k - 1]), g)
    passes = []
    game.G.net.body.register_forward_pre_hook(lambda net, inputs: passes.append(net))
    updates.alternating(game, 0, k)
    np.testing.assert_allclose(vector(game.D), d, atol=1e-6)
    np.testing.assert_allclose(vector(game.G), g, atol=1e-6)
    assert len(passes) == k  # and so no pass of its own


@pytest.mark.parametrize("loss", FORMULAS)
@pytest.mark.parametrize("scale", [1.0, 0.5])
@pytest.mark.parametrize("image_by_image", [True, False], ids=["one pass", "two passes"])
def test_simultaneous_takes_both_gradients_at_the_old_weights(
    loss: str, scale: float, image_by_image: bool
):
    game = tiny_game(loss, scale, image_by_image)
    d, g = vector(game.D), vector(game.G)
    new_d = d - LR * gradient(lambda t: scale * d_loss(t, g, X[0], Z[0], loss), d)
    new_g = g - LR * gradient(lambda t: g_loss(d, t, X[0], Z[0], loss), g)
    updates.simultaneous(game, 0)
    np.testing.assert_allclose(vector(game.D), new_d, atol=1e-6)
    np.testing.assert_allclose(vector(game.G), new_g, atol=1e-6)


@pytest.mark.parametrize("update", [updates.alternating, updates.simultaneous])
def test_further_steps_of_g_meet_fresh_noise_and_the_same_d(update):
    one, three = tiny_game(), tiny_game()
    iteration = {"k": 1} if update is updates.alternating else {}
    update(one, 0, **iteration)
    d, g = vector(one.D), vector(one.G)
    used = 2 if iteration else 1  # minibatches of noise
    for i in range(used, used + 2):
        g = g - LR * gradient(lambda t, i=i: G_LOSSES["non_saturating"](d, t, Z[i]), g)
    update(three, 0, **iteration, g_steps=3)
    np.testing.assert_allclose(vector(three.D), d, atol=1e-6)
    np.testing.assert_allclose(vector(three.G), g, atol=1e-6)


SOFT = Labels(real=(0.7, 1.2), fake=(0.0, 0.3), flip=0.2)


def targets() -> Targets:
    """Draws what a game with the labels SOFT draws."""
    return Targets(SOFT, generator(0, "targets"))


def towards(logits: np.ndarray, target: torch.Tensor) -> np.ndarray:
    """Cross-entropy of targets, which generalises -log D(x) and -log(1 - D(x))."""
    t = target.double().numpy()
    return (t * np.logaddexp(0, -logits) + (1 - t) * np.logaddexp(0, logits)).mean()


@pytest.mark.parametrize("update", ["alternating", "simultaneous"])
def test_d_learns_the_drawn_targets(update: str):
    game = tiny_game(update=update, labels=SOFT)
    real, fake = targets().for_discriminator(4)
    d, g = vector(game.D), vector(game.G)

    def soft_loss(theta):
        return towards(D_(theta, X[0]), real) + towards(D_(theta, G_(g, Z[0])), fake)

    if update == "simultaneous":
        updates.simultaneous(game, 0)
        new_g = g - LR * gradient(lambda t: G_LOSSES["non_saturating"](d, t, Z[0]), g)
        np.testing.assert_allclose(vector(game.G), new_g, atol=1e-6)  # G's own loss is as ever
    else:
        updates.discriminator_step(game, 0, game.next_real(), game.next_latent(4))
    np.testing.assert_allclose(vector(game.D), d - LR * gradient(soft_loss, d), atol=1e-6)


def test_label_flip_teaches_g_the_target_of_real_images():
    game = tiny_game("label_flip", labels=SOFT)
    target = targets().of_real(4)
    d, g = vector(game.D), vector(game.G)
    expected = g - LR * gradient(lambda t: towards(D_(d, G_(t, Z[0])), target), g)
    updates.generator_step(game, 0, game.next_real(), game.next_latent(4))
    np.testing.assert_allclose(vector(game.G), expected, atol=1e-6)


def test_the_generator_step_leaves_the_discriminator_and_its_gradient_alone():
    game = tiny_game("non_saturating")
    real = game.next_real()
    updates.discriminator_step(game, 0, real, game.next_latent(4))
    before, norm = vector(game.D), game.D.gradient_norm()
    updates.generator_step(game, 0, real, game.next_latent(4))
    np.testing.assert_array_equal(vector(game.D), before)
    assert game.D.gradient_norm() == norm


@pytest.mark.parametrize(
    ("image_by_image", "batches", "expected"),
    [
        (False, "separate", [4, 4, 4]),  # D's step looks twice, G's once
        (False, "joint", [8, 8]),  # G learns through the D that D's step trained
        (True, "separate", [8, 4]),  # nothing is mixed: one pass costs less
        (True, "joint", [8, 4]),
    ],
)
def test_real_and_fake_share_a_batch_of_a_net_that_mixes_images_only_if_asked_to(
    image_by_image: bool, batches: str, expected: list[int]
):
    """ganhacks 4: BatchNorm sees one kind of image at a time."""
    game = tiny_game(image_by_image=image_by_image, batches=batches)
    sizes = []
    game.D.net.body.register_forward_pre_hook(lambda net, inputs: sizes.append(len(inputs[0])))
    updates.alternating(game, 0, 1)
    assert sizes == expected


LOGITS = (-100, -88, -70, -60, -40, -24, -12, -4, 0, 4, 12, 24, 40, 70, 100)
# of a gradient relative to the right one, and absolutely to the one where D's logit is 0
TOLERANCES = {"float32": (1e-5, 1e-9), "bf16": (0.03, 1e-3), "fp16": (0.03, 1e-3)}


def alternating_gradient(training: Training) -> torch.Tensor:
    """dL_G / dG by a backward pass of its own, in the training's precision."""
    game = training.game
    with devices.autocast(CPU, training.precision):
        loss = game.G.scaled(game.generator_loss(None, game.D(game.G(*game.next_latent(20)))))
    factor = loss.new_ones(()) if training.scale is None else training.scale.factor
    gradients = torch.autograd.grad(loss, game.G.params)
    return torch.cat([g.float().flatten() / factor for g in gradients])


@pytest.mark.parametrize("precision", TOLERANCES)
@pytest.mark.parametrize("loss", OF_PROBABILITIES)
def test_the_simultaneous_update_gives_g_the_alternating_gradient_at_every_logit(
    loss: str, precision: str
):
    """Also where D's slope is far smaller than G's, or rounds to 0."""
    settings = settings_with({"update": "simultaneous", "loss": loss})
    quiet = settings.discriminator.model_copy(update={"dropout_hidden": 0.0})
    plain = settings.generator.model_copy(update={"norm": "none"})
    settings = settings.model_copy(update={"discriminator": quiet, "generator": plain})

    def at(logit: float, precision: str) -> Training:
        change = {"precision": precision}
        game = Training(settings.model_copy(update=change), 0, images(), CPU)
        game.D.views[-1].fill_(logit)  # D's last bias; what the image adds to it is of order 1
        game.D._renew()
        return game

    usual = alternating_gradient(at(0, precision)).norm()
    relative, absolute = TOLERANCES[precision]
    for logit in LOGITS:
        expected, game = alternating_gradient(at(logit, precision)), at(logit, precision)
        game.advance()
        error = (game.G.vector.grad - expected).norm()
        assert error <= relative * expected.norm() + absolute * usual, f"at {logit}"
        if loss != "minimax" and logit < -4:
            assert expected.norm() > 0.5 * usual  # it does not saturate


@pytest.mark.parametrize("loss", FORMULAS)
def test_fp16_takes_a_backward_pass_for_each_player_unless_their_slopes_are_the_same(loss: str):
    """What fp16 has rounded to 0 in D's gradient cannot be scaled up to G's."""
    for precision in ("float32", "bf16", "fp16"):
        game = tiny_game(loss, precision=precision)
        one = loss in OF_PROBABILITIES and (precision != "fp16" or loss == "minimax")
        assert game.one_backward_pass == one


def test_ds_gradient_has_no_floor_that_matters():
    """The one-pass update gives D the gradient of the true loss, to 1e-26."""
    logit = torch.tensor([-100.0, -60.0, -3.0, 5.0, 100.0], requires_grad=True)
    (found,) = torch.autograd.grad(losses.discriminator(logit, updates.Floor.apply(logit)), logit)
    (right,) = torch.autograd.grad(losses.discriminator(logit, logit), logit)
    torch.testing.assert_close(found, right, atol=1e-26, rtol=0)
