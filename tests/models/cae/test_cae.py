"""Contractive auto-encoders: penalty and sampler against the Jacobian that autograd gives, and two trainings."""

import copy

import pytest
import torch
from torch.func import jacrev, vmap

from pipeline.compute.streams import generator, normal
from pipeline.config.models.cae.train import Train
from pipeline.models.cae.net import Cae
from pipeline.models.cae.saved import Saved
from pipeline.models.cae.training import Training, trainings
from tests.models.rbm.test_training import images
from tests.models.small_training import CPU, drawn, saved_of


def net_of(inputs: int = 6, hidden: int = 4) -> Cae:
    net, stream = Cae(inputs, hidden, generator(0, "net")).double(), generator(1, "biases")
    with torch.no_grad():
        for bias in (net.code_bias, net.input_bias):
            bias.normal_(generator=stream)
    return net


def inputs(count: int = 5) -> torch.Tensor:
    return torch.rand(count, 6, generator=generator(0, "inputs"), dtype=torch.float64)


def jacobians(net: Cae, x_BV: torch.Tensor) -> torch.Tensor:
    """dh/dx [B, H, V] by autograd."""
    return vmap(jacrev(net.encode))(x_BV)


def test_the_penalty_is_the_squared_norm_of_the_jacobian():
    net, x = net_of(), inputs()
    found = net.squared_jacobian(net.encode(x))
    torch.testing.assert_close(found, jacobians(net, x).square().sum((1, 2)))


def test_the_loss_is_the_cross_entropy_and_its_share_of_the_penalty():
    net, x = net_of(), inputs()
    back = net.decode(net.encode(x))
    error = -(x * back.log() + (1 - x) * (1 - back).log()).sum(1).mean()
    torch.testing.assert_close(net(x, 0.0), error)
    penalty = jacobians(net, x).square().sum((1, 2)).mean()
    torch.testing.assert_close(net(x, 0.3), error + 0.3 * penalty)


def test_a_step_of_the_walk_is_algorithm_1():
    """h = f(x); h + J J' noise; decoded."""
    net, x = net_of(), inputs()
    noise = normal((5, 4), generator(7, "noise")) * 0.5
    J = jacobians(net, x)
    moved = net.encode(x) + torch.einsum("bhv,bgv,bg->bh", J, J, noise.double())
    expected = torch.sigmoid(net.input_bias + moved @ net.weight.T)
    found = net.walked(x, 0.5, generator(7, "noise"))
    torch.testing.assert_close(found, expected, rtol=1e-6, atol=1e-6)


def test_without_noise_the_walk_only_reconstructs():
    net, x = net_of(), inputs()
    torch.testing.assert_close(net.walked(x, 0.0, generator(0, "noise")), net.decode(net.encode(x)))


def settings(**changes) -> Train:
    train = {"steps": 60, "batch_size": 20, "hidden": 8, "first": {"hidden": 10, "steps": 50}}
    optimizer = {"name": "adam", "lr": 2e-2, "beta1": 0.9}
    more = {"optimizer": optimizer, "sampling_steps": 10, "walk_std": 0.2}
    return Train.model_validate(train | more | changes)


def trained(train: Train, halts: tuple[int | None, int | None] = (None, None), seed: int = 0):
    """The second training, at its end; both are halted and go on after these steps."""
    parts = trainings(train, seed, images(), CPU)
    for halt in halts:
        _, training = next(parts)
        while training.step < training.steps:
            training.advance()
            if training.step == halt:
                state = copy.deepcopy(training.state_dict())
                while training.step < training.steps:  # what a kill undoes
                    training.advance()
                training.load_state_dict(state)
    assert isinstance(training, Training)
    return training


def test_a_halted_training_ends_in_the_same_bits_and_another_seed_in_others():
    train = settings(ema={"name": "exponential", "decay": 0.9})
    whole, other = trained(train).weights(), trained(train, seed=1).weights()
    halted = trained(train, (17, 23)).weights()
    assert {name.split(".")[0] for name in whole} == {"net", "net_ema", "first", "starts"}
    assert all(torch.equal(whole[key], halted[key]) for key in whole)
    assert any(not torch.equal(whole[key], other[key]) for key in whole)


def test_the_two_have_checkpoints_of_their_own_even_with_the_same_settings():
    """A checkpoint is named after the settings (stages/train.py)."""
    train = settings(steps=50, hidden=10)
    first, second = (part.settings for _, part in trainings(train, 0, images(), CPU))
    assert first.model_dump_json() != second.model_dump_json()
    assert (first.steps, first.hidden, first.family) == (50, 10, "cae")


def test_contraction_makes_codes_that_change_less():
    def norm(contraction: float) -> float:
        below = {"hidden": 10, "steps": 50, "contraction": contraction}
        first = trained(settings(first=below)).first
        return first.squared_jacobian(first.encode((images(20).flatten(1) + 1) / 2)).mean().item()

    assert norm(2.0) < 0.7 * norm(0.0)


def test_walks_start_at_images_that_the_model_file_keeps():
    training = trained(settings(sampling_steps=1, walk_std=0.0))
    saved, kept = saved_of(Saved, training), (images().flatten(1) + 1) / 2
    starts = saved.first_pixels(40, generator(0, "starts"))
    assert (torch.cdist(starts, kept).min(1).values < 0.01).all()
    assert len(starts.unique(dim=0)) > 1
    # one step without noise: through both auto-encoders and back
    found = saved.chain("raw").move(starts, 1, generator(0, "noise"))[1]
    first, second = training.first, training.player.net
    codes = second.decode(second.encode(first.encode(starts)))
    torch.testing.assert_close(found, first.decode(codes))


def test_each_of_the_two_has_its_contraction():
    first, second = (
        part.settings
        for _, part in trainings(
            settings(contraction=0.3, first={"hidden": 8, "steps": 50, "contraction": 0.7}),
            0,
            images(),
            CPU,
        )
    )
    assert (first.contraction, second.contraction) == (0.7, 0.3)


def test_walks_visit_what_it_has_learned():
    """Two patterns whose pixels are .95 and .05: a mean that comes back is near to one of them."""
    below = {"hidden": 10, "steps": 800, "contraction": 0.01}
    more = {"steps": 800, "first": below, "contraction": 0.01}
    saved = saved_of(Saved, trained(settings(**more)))
    assert saved.likelihood("raw") is None
    means, states, one_chain = drawn(saved, 60)
    patterns = images(2).sign().flatten(1)
    for shown in (means, one_chain):
        near = (shown.sign().flatten(1)[:, None] == patterns).all(-1)
        assert near.any(1).float().mean() > 0.8
    assert set(states.unique().tolist()) == {-1.0, 1.0}
    assert saved.walk("raw", images(5)).images_RSCHW.shape == (4, 10, 1, 3, 3)


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"contraction": -1.0}, "contraction"),
        ({"precision": "bf16"}, "precision"),
        ({"first": {}}, "steps"),
        # checked before it was trained, not once the first auto-encoder is built
        (
            {"ema": {"name": "exponential", "every_steps": 55}},
            "every_steps is 55 and first.steps 50",
        ),
    ],
)
def test_settings_out_of_range_are_refused(changes, expected):
    with pytest.raises(ValueError, match=expected):
        settings(**changes)
