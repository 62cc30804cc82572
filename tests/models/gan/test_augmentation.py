"""What D is shown instead of images, and how ADA decides how often."""

from itertools import pairwise
from types import SimpleNamespace

import pytest
import torch
from torch import Tensor
from torch.autograd import gradcheck, gradgradcheck

from pipeline.compute.streams import generator
from pipeline.config.models.gan.augmentation import Ada, Augmentation
from pipeline.models.common.batches import Real
from pipeline.models.gan.game.augmentation import (
    DRAWS,
    Augment,
    Transform,
    mirrored,
    shifted,
    whole,
)
from pipeline.models.gan.game.regularisers import SlopePenalty, data
from pipeline.models.gan.nets import DiscriminatorOutput
from tests.config.test_params import complaint
from tests.models.gan.test_training import game_of

ALL = {"translation": 0.25, "cutout": 0.5, "colour": True}


def augment(symmetric: bool = True, **settings) -> Augment:
    return Augment(Augmentation(**settings), generator(0, "augmentation"), symmetric, 50)


def images(count: int, channels: int = 3, size: int = 8) -> Tensor:
    stream = generator(0, "test")
    return torch.rand(count, channels, size, size, generator=stream, dtype=torch.float64) * 2 - 1


def fixed(u: list[float], p: float = 1.0, **settings) -> Transform:
    """The transform of one image, with given draws."""
    return Transform(Augmentation(**settings), torch.tensor([u]), p, 0.0, 1.0)


@pytest.mark.parametrize("settings", [{key: value} for key, value in ALL.items()] + [ALL])
@pytest.mark.parametrize("channels", [1, 3])
def test_gradients_and_their_gradients_are_those_of_finite_differences(settings, channels):
    transform = augment(**settings, p=0.7).draw(2)
    x = images(2, channels, 4).requires_grad_()
    assert gradcheck(transform, x)
    assert gradgradcheck(lambda x: transform(x).pow(3), x)


def test_a_translation_by_0_is_the_identity_and_others_move_every_pixel():
    x = images(3)
    zero = torch.zeros(3, dtype=torch.long)
    assert torch.equal(shifted(x, zero, zero), x)
    down, right = torch.tensor([1, -2, 0]), torch.tensor([0, 3, -8])
    moved = shifted(x, down, right)
    assert torch.equal(moved[0, :, 1:], x[0, :, :-1]) and not moved[0, :, 0].any()
    assert torch.equal(moved[1, :, :6, 3:], x[1, :, 2:, :5])
    assert moved[1].count_nonzero() == 3 * 6 * 5
    assert not moved[2].any(), "it has left the picture"


def test_translations_are_equally_likely_up_to_the_share_of_a_side():
    """Of a picture with one bright pixel: where it lands, 5 x 5 places, each 400 of 10,000 times +- 20."""
    x = torch.zeros(10_000, 1, 8, 8)
    x[:, :, 4, 4] = 1
    counts = augment(translation=0.25)(x).sum(dim=(0, 1))
    assert counts[2:7, 2:7].sum() == 10_000
    assert (counts[2:7, 2:7] - 400).abs().max() < 5 * 20


def test_cutout_leaves_the_share_that_a_square_with_its_middle_anywhere_leaves():
    """Of 8 pixels a square of 4 covers 2, 3, 4, 4, 4, 4, 4, 3, 2 with its first pixel at -2 to 6: 10/3 in the mean."""
    x = torch.ones(20_000, 1, 8, 8)
    kept = augment(cutout=0.5)(x).mean().item()
    assert kept == pytest.approx(1 - (10 / 3 / 8) ** 2, abs=0.002)


def test_colours_change_as_published():
    """Brightness in [-1/2, 1/2]; saturation 0 is grey, 1 as it was; contrast halves or raises by half."""
    x = images(1)
    draws = [0.0] * DRAWS

    def coloured(brightness: float, saturation: float, contrast: float) -> Tensor:
        u = [0.0, brightness, saturation, contrast, *draws[4:]]
        return fixed(u, colour=True)(x)

    assert torch.allclose(coloured(0.5, 0.5, 0.5), x)
    assert torch.allclose(coloured(0.0, 0.5, 0.5), x - 0.5)
    assert torch.allclose(coloured(0.5, 0.0, 0.5), x.mean(dim=1, keepdim=True).expand_as(x))
    assert torch.allclose(coloured(0.5, 0.5, 0.0), (x + x.mean()) / 2)


def test_pixels_from_0_to_1_are_transformed_like_those_from_minus_1_to_1():
    x = images(50)
    symmetric = augment(**ALL)(x)
    assert torch.allclose(augment(symmetric=False, **ALL)((x + 1) / 2), (symmetric + 1) / 2)


def test_images_in_16_bits_are_moved_and_cut_as_in_32():
    """Numbers just below 1 are 1 in bfloat16."""
    x = images(500).bfloat16()
    settings = {"translation": 0.25, "cutout": 0.5}
    assert torch.equal(augment(**settings)(x), augment(**settings)(x.float()).bfloat16())
    assert augment(**ALL)(x).dtype == torch.bfloat16


def test_each_transform_is_applied_with_probability_p():
    """3,000 of 10,000 images +- 46 are changed, by five times that at most."""
    x = images(10_000, 1, 4)
    for key, value in ALL.items():
        changed = (augment(**{key: value}, p=0.3)(x) != x).flatten(1).any(dim=1).sum().item()
        share = 24 / 25 if key == "translation" else 1  # a move by 0 changes nothing
        share = (
            8 / 9 if key == "translation" else share
        )  # of 4 pixels a quarter is one: 3 x 3 moves
        assert changed == pytest.approx(3000 * share, abs=250), key


def test_one_draw_transforms_two_minibatches_alike_and_two_draws_do_not():
    aug = augment(**ALL)
    x, y = images(20), images(20).flip(0)
    T = aug.draw(20)
    assert torch.equal(T(x), T(x)) and not torch.equal(aug(x), aug(x))
    seen = aug.alike(lambda images_BCHW, step: images_BCHW + step)(x, y, 1)
    back = aug.alike(lambda images_BCHW, step: images_BCHW)(x, x, 0)
    assert torch.equal(*back) and not torch.equal(*seen)
    # the transforms are affine: one that is the same for two images is the same for a point between
    assert torch.allclose(T(x.lerp(y, 0.3)), T(x).lerp(T(y), 0.3))


def test_p_goes_up_while_d_knows_its_data_and_down_otherwise():
    aug = augment(**ALL, ada=Ada(target=0.6, every_steps=2, images=1000))
    assert aug.p == 0
    assert torch.equal(aug(images(2)), images(2))
    sure, unsure = torch.ones(10), torch.tensor([1.0] * 7 + [-1.0] * 3)  # r_t = 1 and 0.4
    found = []
    for logits in [sure] * 6 + [unsure] * 8:
        aug.watch(logits)
        found.append(round(aug.p, 6))
    assert found[:6] == [0, 0.1, 0.1, 0.2, 0.2, 0.3], "100 images of 1,000 at every second step"
    assert found[6:] == [0.3, 0.2, 0.2, 0.1, 0.1, 0, 0, 0], "and never below 0"
    for _ in range(4):
        aug.watch(torch.tensor([1.0] * 8 + [-1.0] * 2))
    assert aug.p == 0, "exactly at the target it does not rise"
    for _ in range(40):
        aug.watch(sure)
    assert aug.p == 1


def test_p_moves_by_all_the_data_that_d_sees():
    """Five minibatches of 20 an iteration: 10 of 100 images each time that p moves."""
    at_once = {"translation": 0.25, "ada": {"images": 1000, "every_steps": 1, "target": 1e-9}}
    game = game_of(augmentation=at_once, discriminator_steps=5)
    game.game.watch(torch.ones(20), 5)
    assert game.game.memory["augmentation"].p == pytest.approx(0.1)
    game.game.memory["augmentation"].p = 0.5
    game.advance()
    assert abs(game.game.memory["augmentation"].p - 0.5) == pytest.approx(0.1)


def test_ada_notices_that_d_overfits():
    """20 images that D learns by heart, against a G that stands still: p rises; at the start D knows nothing."""
    still = {"generator": {"optimizer": {"name": "sgd", "lr": 1e-9}}}
    learns = {"discriminator": {"hidden": [40], "optimizer": {"name": "adam", "lr": 0.02}}}
    ada = {"augmentation": {"translation": 0.25, "ada": {"images": 2000}}}
    game = game_of(**still, **learns, **ada)
    p = []
    for _ in range(60):
        game.advance()
        p.append(game.game.memory["augmentation"].state_dict()["p"])
    assert p[3] == 0 and p[-1] > 0.1
    assert sum(b > a for a, b in pairwise(p)) > 5


@pytest.mark.parametrize("update", ["alternating", "simultaneous"])
def test_with_p_0_the_bits_are_those_of_a_run_without(update):
    plain, off = (
        game_of(update=update, r1={"gamma": 1}, **more)
        for more in ({}, {"augmentation": {**ALL, "p": 0.0}})
    )
    on = game_of(update=update, r1={"gamma": 1}, augmentation=ALL)
    for game in (plain, off, on):
        for _ in range(4):
            game.advance()
    assert torch.equal(plain.D.vector, off.D.vector) and torch.equal(plain.G.vector, off.G.vector)
    assert not torch.equal(plain.G.vector, on.G.vector)


def test_a_mirror_flips_half_of_the_data_and_no_sample():
    x = images(2000, 1, 4)
    real = mirrored(lambda: Real(x), generator(0, "mirror"))().images
    flipped = (real == x.flip(3)).flatten(1).all(dim=1)
    assert ((real == x).flatten(1).all(dim=1) ^ flipped).all()
    assert flipped.sum().item() == pytest.approx(1000, abs=5 * 22)

    game = game_of(augmentation={"mirror": True})
    assert "augmentation" not in game.game.memory
    batch = torch.rand(3, 1, 4, 4)
    assert game.game.show(batch, 0) is batch


def test_a_penalty_is_on_the_slope_by_images_before_they_are_augmented():
    """D(T(x)) of a linear D with weights w, T a move: the slope by x is w moved back, without what has left."""
    aug = augment(translation=0.5)
    x, w = images(6), images(1)[0]
    batch = SimpleNamespace(real=Real(x), step=0, of_fake=None)
    penalty = SlopePenalty(
        lambda step: 1.0,
        1,
        lambda squared_B: squared_B,
        data,
        lambda x_BCHW, _: DiscriminatorOutput((x_BCHW * w).sum(dim=(1, 2, 3)), x_BCHW, None),
        lambda x_BCHW, step: aug(x_BCHW),
    )
    found = penalty(batch)  # type: ignore[arg-type]
    by = augment(translation=0.5).draw(6).u_BK[:, 5:7]  # the same draws
    down, right = (whole(u, -4, 4) for u in by.unbind(dim=1))
    slopes = shifted(w.expand(6, -1, -1, -1), -down, -right)
    assert found.item() == pytest.approx(slopes.square().sum(dim=(1, 2, 3)).mean().item())
    assert (slopes == 0).any(), "something has left the picture"


@pytest.mark.parametrize(
    ("update", "player", "loss"),
    [
        ("simultaneous", "D", "d_loss"),
        ("simultaneous", "G", "g_loss"),
        ("alternating", "D", "d_loss"),
    ],
)
@pytest.mark.parametrize(
    "norm", ["none", "batch"]
)  # of D: with one pass over all images, and with two
def test_the_updates_have_the_gradients_of_finite_differences(update, player, loss, norm):
    """By a step along a direction, with the same draws."""

    def played(far: float):
        D = {"norm": norm, "activation": "tanh", "dropout_hidden": 0.0}
        game = game_of(update=update, augmentation=ALL, discriminator=D)
        one = game.players[player]
        v = torch.randn(one.vector.shape, generator=generator(0, "direction"))
        one.vector.data.add_(v, alpha=far)
        return game.advance()[loss].double().item(), (one.vector.grad @ v).item()

    step = 1e-3
    expected = (played(step)[0] - played(-step)[0]) / (2 * step)
    assert played(0)[1] == pytest.approx(expected, rel=0.02, abs=2e-3)


@pytest.mark.parametrize("more", [{"mirror": True}, {**ALL, "ada": {}}, {**ALL, "p": 0.5}])
def test_settings_survive_the_way_through_a_model_file(more):
    """Where what was left out is written, too."""
    settings = Augmentation.model_validate(more)
    assert Augmentation.model_validate_json(settings.model_dump_json()) == settings


def augmentation(**settings):
    return lambda content: content["runs"]["digits"]["train"].update(augmentation=settings)


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        (augmentation(), "train.augmentation: none of its transforms is on"),
        (augmentation(translation=1.0), "augmentation.translation: found 1.0, must be less than 1"),
        (augmentation(cutout=-0.5), "augmentation.cutout: found -0.5, must be greater than or"),
        (augmentation(mirror=True, p=0.5), "p is of translation, cutout and colour"),
        (augmentation(mirror=True, ada={}), "ada has nothing to apply with its p"),
        (augmentation(colour=True, ada={}, p=0.5), "ada sets p, from 0 on"),
        (augmentation(colour=True, ada={"target": 1}), "augmentation.ada.target: found 1, must be"),
        (augmentation(color=True), "augmentation.color: unknown key (did you mean colour?)"),
        (
            lambda content: content["runs"]["line"]["train"].update(augmentation={"mirror": True}),
            "train.augmentation is for images; points of a mixture have nothing to move",
        ),
        (
            augmentation(translation=0.05),
            "train.augmentation.translation is 0.05, less than half a pixel of images of this size",
        ),
        (
            lambda content: content["runs"]["digits"]["train"].update(
                augmentation={"cutout": 0.5, "ada": {}}, loss="wasserstein"
            ),
            "loss: least_squares, wasserstein or relativistic does not go with augmentation.ada",
        ),
    ],
)
def test_settings_that_cannot_be_meant_are_refused(change, expected: str):
    assert expected in complaint(change)
