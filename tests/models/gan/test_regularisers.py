"""What each regulariser does to the numbers: closed forms, and both updates against finite differences."""

import numpy as np
import pytest
import torch

from pipeline.compute.streams import generator
from pipeline.config.models.common.optimizers import Momentum, Sgd
from pipeline.config.models.gan.regularisers import LeCam, TopK
from pipeline.models.common.batches import Real
from pipeline.models.common.layers import ConditionalBatchNorm
from pipeline.models.common.player import Player
from pipeline.models.gan.game import regularisers, updates
from pipeline.models.gan.nets import DiscriminatorOutput
from pipeline.models.gan.noise import Latent
from tests.models.gan.test_training import game_of
from tests.models.gan.test_updates import (
    D_,
    G_,
    LR,
    X,
    Z,
    d_loss,
    g_loss,
    gradient,
    split,
    tiny_game,
    vector,
)

UPDATES = ["alternating", "simultaneous"]


def minibatch(real: torch.Tensor, fake: torch.Tensor, step: int = 0) -> updates.Minibatch:
    """One whose D says these numbers; images are empty."""
    none = torch.zeros(len(real), 1, 1, 2)
    said = [DiscriminatorOutput(values, torch.zeros(len(values), 1)) for values in (real, fake)]
    return updates.Minibatch(step, Real(none, None), Latent(none[:, 0, 0]), none, *said)


def check_one_step(loss: str, update: str, extra, **tips) -> None:
    """One iteration of a game with `tips`; `extra`(d, fake, step): what they add to D's loss, in NumPy."""
    game = tiny_game(loss, update=update, **tips)
    d, g = vector(game.D), vector(game.G)

    def whole(theta):
        return d_loss(theta, g, X[0], Z[0], loss) + extra(theta, G_(g, Z[0]))

    new_d = d - LR * gradient(whole, d)
    at, z = (d, Z[0]) if update == "simultaneous" else (new_d, Z[1])
    new_g = g - LR * gradient(lambda t: g_loss(at, t, X[0], z, loss), g)
    check_update(game, update, new_d, new_g)


def check_update(game, update: str, new_d: np.ndarray, new_g: np.ndarray) -> None:
    """One update of `game` leaves the players with these weights."""
    if update == "simultaneous":
        updates.simultaneous(game, 0)
    else:
        updates.alternating(game, 0, 1)
    np.testing.assert_allclose(vector(game.D), new_d, atol=2e-6)
    np.testing.assert_allclose(vector(game.G), new_g, atol=2e-6)


def slopes(theta: np.ndarray, x: np.ndarray) -> np.ndarray:
    """dD/dx at each image, written out."""
    w1, b1, w2, _ = split(theta, (4, 2), (4,), (1, 4), (1,))
    return (w2 / (1 + np.exp(-(x @ w1.T + b1)))) @ w1


def squared_slope(theta: np.ndarray, x: np.ndarray) -> np.ndarray:
    return (slopes(theta, x) ** 2).sum(axis=1).mean()


@pytest.mark.parametrize("update", UPDATES)
def test_r1_and_r2_penalise_the_slope_at_data_and_at_samples_as_in_r3gan(update: str):
    check_one_step(
        "relativistic",
        update,
        lambda d, fake: 3.0 / 2 * squared_slope(d, X[0]) + 0.5 / 2 * squared_slope(d, fake),
        r1={"gamma": 3.0},
        r2={"gamma": 0.5},
    )


@pytest.mark.parametrize("sides", ["one", "two"])
@pytest.mark.parametrize("update", UPDATES)
def test_the_gradient_penalty_asks_for_slopes_of_1_between_images_and_samples(
    update: str, sides: str
):
    share = torch.rand(4, 1, generator=generator(0, "interpolation")).double().numpy()

    def penalty(d, fake):
        excess = np.linalg.norm(slopes(d, fake + share * (X[0] - fake)), axis=1) - 1
        return 7 * ((np.maximum(0, excess) if sides == "one" else excess) ** 2).mean()

    check_one_step("wasserstein", update, penalty, gradient_penalty={"weight": 7.0, "sides": sides})


@pytest.mark.parametrize("norm", [0.0, 0.4, 1.0, 2.5])
def test_the_penalties_of_a_linear_critic_are_known(norm: float):
    """D(x) = w x has the slope w everywhere."""
    w = torch.tensor([0.6, 0.8]) * norm

    def judge(images, labels=None):
        return DiscriminatorOutput(images.flatten(1) @ w, images.flatten(1))

    def value(cost, at) -> float:
        penalty = regularisers.SlopePenalty(
            lambda step: 10.0, 1, cost, at, judge, lambda images, step: images
        )
        return penalty(minibatch(torch.zeros(3), torch.zeros(3))).item()

    between = regularisers.between(generator(0, "interpolation"))
    assert value(regularisers.two_sided, between) == pytest.approx(10 * (norm - 1) ** 2, abs=1e-4)
    expected = 10 * max(0.0, norm - 1) ** 2
    assert value(regularisers.one_sided, between) == pytest.approx(expected, abs=1e-4)
    for at in (regularisers.data, regularisers.samples):
        assert value(regularisers.zero_centred, at) == pytest.approx(5 * norm**2, rel=1e-5)


@pytest.mark.parametrize("update", UPDATES)
def test_consistency_pulls_d_of_a_moved_image_to_d_of_the_image(update: str):
    drawn = torch.rand(4, 2, generator=generator(0, "consistency")).numpy()
    columns = np.clip(np.arange(2) + np.floor(drawn[:, 1:] * 3).astype(int) - 1, 0, 1)
    moved = np.take_along_axis(X[0], columns, axis=1)
    assert (moved != X[0]).any()

    def term(d, fake):
        return 2 * ((D_(d, X[0]) - D_(d, moved)) ** 2).mean()

    check_one_step("hinge", update, term, consistency={"weight": 2.0, "shift": 1})


def test_a_shift_moves_whole_images_and_repeats_their_edges():
    image = torch.arange(12.0).view(1, 1, 3, 4).expand(400, 2, 3, 4)
    moved = regularisers.shifted(image, 1, generator(0, "consistency"))
    padded = np.pad(image[0, 0].numpy(), 1, mode="edge")
    allowed = {padded[i : i + 3, j : j + 4].tobytes() for i in range(3) for j in range(3)}
    assert {one.numpy().tobytes() for one in moved[:, 0]} == allowed
    assert torch.equal(moved[:, 0], moved[:, 1])  # channels move together


def test_lecam_of_constants_is_twice_their_squared_distance():
    term = regularisers.LeCam(LeCam.model_validate({"weight": 0.5, "decay": 0.9}))
    real, fake = torch.full((4,), 3.0), torch.full((4,), -1.0)
    for _ in range(3):
        assert term(minibatch(real, fake)).item() == pytest.approx(0.5 * 2 * 4**2)
    # a D that now says 0 of everything is held against what it said before
    found = term(minibatch(torch.zeros(4), torch.zeros(4))).item()
    assert found == pytest.approx(0.5 * ((0.9 * -1) ** 2 + (0.9 * 3) ** 2))


@pytest.mark.parametrize("update", UPDATES)
def test_lecam_pulls_d_to_its_own_averages_on_the_other_side(update: str):
    game = tiny_game()
    d, g = vector(game.D), vector(game.G)
    of_real, of_fake = D_(d, X[0]).mean(), D_(d, G_(g, Z[0])).mean()  # anchors: no gradient

    def term(theta, fake):
        gaps = ((D_(theta, X[0]) - of_fake) ** 2, (D_(theta, fake) - of_real) ** 2)
        return 0.3 * sum(gap.mean() for gap in gaps)

    check_one_step("hinge", update, term, lecam={"weight": 0.3})


def test_g_learns_from_ever_fewer_samples_those_that_d_takes_for_data():
    chosen = regularisers.top_k(TopK(share=0.5, steps=100))
    real, fake = torch.arange(6.0), torch.tensor([0.1, -3.0, 2.0, 0.3, -1.0, 5.0])
    for step, kept in ((0, 6), (50, 5), (100, 3), (999, 3)):
        found = chosen(minibatch(real, fake, step))
        assert found.of_fake.logit.tolist() == fake.sort(descending=True).values[:kept].tolist()
        assert found.of_real.logit.tolist() == fake.argsort(descending=True)[:kept].tolist()
    chosen = regularisers.top_k(TopK(share=0.55, steps=1))  # 0.55 * 100 is a little above 55
    assert len(chosen(minibatch(torch.rand(100), torch.rand(100), 1)).of_fake.logit) == 55


@pytest.mark.parametrize("loss", ["non_saturating", "relativistic"])
@pytest.mark.parametrize("update", UPDATES)
def test_top_k_leaves_the_other_samples_out_of_gs_gradient(update: str, loss: str):
    game = tiny_game(loss, update=update, top_k={"share": 0.5, "steps": 1})
    d, g = vector(game.D), vector(game.G)
    best = np.argsort(-D_(d, G_(g, Z[0])))[:2]
    expected = g - LR * gradient(lambda t: g_loss(d, t, X[0][best], Z[0][best], loss), g)
    if update == "simultaneous":
        updates.simultaneous(game, 1)
    else:
        updates.generator_step(game, 1, game.next_real(), game.next_latent(4))
    np.testing.assert_allclose(vector(game.G), expected, atol=1e-6)


@pytest.mark.parametrize("update", UPDATES)
def test_orthogonal_pulls_the_rows_of_both_players_matrices_apart(update: str):
    def cost(matrices):
        grams = [w @ w.T for w in matrices]
        return 0.2 * sum((gram**2).sum() - (np.diag(gram) ** 2).sum() for gram in grams)

    game = tiny_game(update=update, orthogonal={"weight": 0.2, "players": "both"})
    d, g = vector(game.D), vector(game.G)

    def of_d(theta):
        w1, _, w2, _ = split(theta, (4, 2), (4,), (1, 4), (1,))
        return d_loss(theta, g, X[0], Z[0]) + cost([w1, w2])

    def of_g(theta):
        w1, _, w2, _ = split(theta, (5, 3), (5,), (2, 5), (2,))
        return g_loss(at, theta, X[0], z) + cost([w1, w2])

    new_d = d - LR * gradient(of_d, d)
    at, z = (d, Z[0]) if update == "simultaneous" else (new_d, Z[1])
    new_g = g - LR * gradient(of_g, g)
    check_update(game, update, new_d, new_g)


def test_orthogonal_pulls_the_outputs_of_affine_maps_apart_and_nothing_else():
    """Not the gains of classes, which are the same at first, nor embeddings; of groups those that share inputs."""
    net = torch.nn.ModuleList(
        [
            torch.nn.Embedding(5, 2),
            ConditionalBatchNorm(4, 3),
            torch.nn.Linear(3, 4),
            torch.nn.Conv2d(4, 6, 3, groups=2),
            torch.nn.ConvTranspose2d(2, 5, 3),
        ]
    )
    player = Player(net, Sgd(name="sgd", lr=1.0, momentum=Momentum(start=0)))
    before = [p.detach().clone().requires_grad_() for p in player.params]
    of = dict(zip((name for name, _ in net.named_parameters()), before, strict=True))
    parted = [of["2.weight"], *of["3.weight"].chunk(2), of["4.weight"].transpose(0, 1)]
    cost = sum(
        (w @ w.T).fill_diagonal_(0).square().sum() for w in (part.flatten(1) for part in parted)
    )
    expected = torch.autograd.grad(0.01 * cost, before, allow_unused=True)
    regularisers.pull_to_orthogonal(player, 0.01)
    player.step([torch.zeros_like(p) for p in player.params])
    for name, old, new, pull in zip(of, before, player.params, expected, strict=True):
        assert (pull is not None) == (name in ("2.weight", "3.weight", "4.weight"))
        torch.testing.assert_close(new, old if pull is None else old - pull, msg=name)


def test_clipped_weights_stay_within_the_limit_and_those_of_g_do_not():
    game = game_of(loss="wasserstein", weight_clip=0.01)
    for _ in range(3):
        game.advance()
        assert game.D.vector.abs().max().item() == pytest.approx(0.01)
    assert game.G.vector.abs().max() > 0.1


def test_a_weight_follows_its_course():
    penalty = game_of(r1={"gamma": {"start": 8.0, "end": 2.0, "steps": 4}}).game.memory["r1"]
    assert [penalty.weight(step) for step in (0, 1, 2, 4, 9)] == [8, 6.5, 5, 2, 2]


def test_r1_penalises_the_slope_of_d_at_data_and_counts_more_when_it_is_rare():
    game = tiny_game(r1={"gamma": 3.0, "every_steps": 2})
    for i, times in enumerate((2, 0)):
        d, g = vector(game.D), vector(game.G)
        expected = d - LR * gradient(
            lambda t, i=i, g=g, times=times: (
                d_loss(t, g, X[i], Z[i]) + times * 3.0 / 2 * squared_slope(t, X[i])
            ),
            d,
        )
        updates.discriminator_step(game, 0, game.next_real(), game.next_latent(4))
        np.testing.assert_allclose(vector(game.D), expected, atol=1e-6)
