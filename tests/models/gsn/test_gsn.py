"""Deep generative stochastic nets: the chain's pieces in closed form, and where the trained chain ends up."""

import math

import pytest
import torch

from pipeline.compute.streams import generator
from pipeline.config.models.gsn.train import Train
from pipeline.models.gsn.net import Gsn
from pipeline.models.gsn.saved import Saved
from pipeline.models.gsn.training import Training
from tests.models.small_training import CPU, goes_on_in_the_same_bits, played, saved_of

SHARE = 0.7


def settings(**changes) -> Train:
    train = {"steps": 60, "batch_size": 20, "log_steps": 10, "hidden": [8, 6], "sampling_steps": 50}
    optimizer = {"name": "adam", "lr": 2e-2, "beta1": 0.9}
    return Train.model_validate(train | {"optimizer": optimizer} | changes)


def images(count: int = 200) -> torch.Tensor:
    """2 x 2 pixels: the upper two are the same, 1 in SHARE of the images; each of the lower two is a fair coin."""
    pixels = (torch.rand(count, 1, 2, 2, generator=generator(3, "images")) < 0.5).float()
    pixels[:, 0, 0] = (torch.arange(count) < SHARE * count).float()[:, None]
    return pixels * 2 - 1


def net_of(hidden: tuple[int, ...], corruption: float = 0.0, noise_std: float = 0.0) -> Gsn:
    return Gsn(9, hidden, corruption, noise_std, generator(0, "net"))


def test_a_step_updates_odd_layers_then_even_ones():
    net, stream = net_of((5, 4, 3)), generator(0, "test")
    W1, W2, W3 = net.weights
    with torch.no_grad():
        for bias in net.biases:
            bias.normal_(generator=stream)
    b0, b1, b2, b3 = net.biases
    x = torch.rand(6, 9, generator=stream)
    state = net.start(x, stream)
    assert torch.equal(state.x_BD, x)
    for _ in range(2):
        seen, (_, h2, _) = state.x_BD, state.hidden
        h1, h3 = torch.tanh(seen @ W1 + b1 + h2 @ W2.T), torch.tanh(h2 @ W3 + b3)
        h2 = torch.tanh(h1 @ W2 + b2 + h3 @ W3.T)
        state, logits = net(state, stream)
        for found, expected in zip(
            (logits, *state.hidden), (h1 @ W1.T + b0, h1, h2, h3), strict=True
        ):
            torch.testing.assert_close(found, expected, rtol=1e-5, atol=1e-6)
        assert set(state.x_BD.unique().tolist()) <= {0.0, 1.0}


def test_corruption_turns_its_share_of_pixels_into_fair_coins():
    stream, x = generator(0, "test"), torch.full((4_000, 9), 0.25)
    seen = net_of((5,), corruption=0.4).corrupted(x, stream)
    assert (seen == 0.25).double().mean().item() == pytest.approx(0.6, abs=0.01)
    assert (seen == 1).double().mean().item() == pytest.approx(0.2, abs=0.01)
    assert (seen == 0).double().mean().item() == pytest.approx(0.2, abs=0.01)


def test_noise_is_added_before_and_after_tanh_of_the_layers_above_the_first():
    net, stream = net_of((5, 2_000), noise_std=2.0), generator(0, "test")
    with torch.no_grad():
        for weight in net.weights:
            weight.zero_()
    state, _ = net(net.start(torch.zeros(50, 9), stream), stream)
    first, second = state.hidden
    assert (first == 0).all()
    squashed = torch.tanh(2 * torch.randn(100_000, generator=stream)).var()
    assert second.var().item() == pytest.approx(4 + squashed.item(), rel=0.03)


def test_with_all_pixels_corrupted_the_best_loss_is_the_entropy_of_independent_pixels():
    """An image's own pixels say nothing then."""
    training = played(Training, settings(steps=800, corruption=1.0, noise_std=0.0), images())
    with torch.no_grad():
        found = training.loss(training.batches.images).item()
    entropy = -(SHARE * math.log(SHARE) + (1 - SHARE) * math.log(1 - SHARE))
    assert found == pytest.approx(2 * entropy + 2 * math.log(2), abs=0.05)


def test_the_chain_has_the_distribution_of_the_data():
    """Bengio et al. 2014, theorem 1: what denoises well has the data's distribution as its stationary one,
    here as far as a thousand updates have taught it."""
    train = settings(steps=1_000, batch_size=50, noise_std=1.0, sampling_steps=150)
    saved = saved_of(Saved, played(Training, train, images()))
    ((means, states, one_chain),) = saved.samples("raw", 1_000, 1_000, seed=0)
    expected = torch.tensor([[SHARE, SHARE], [0.5, 0.5]])
    # consecutive steps are far from independent: a thousand are worth some ten
    for shown, tolerance in ((means, 0.2), (states, 0.2), (one_chain, 0.4)):
        pixels = (shown[:, 0] + 1) / 2
        torch.testing.assert_close(pixels.mean(0), expected, atol=tolerance, rtol=0)
        assert (pixels[:, 0].std(0) > 0.2).all(), "they depend on where the chain was"
    equal = (states[:, 0, 0, 0] == states[:, 0, 0, 1]).double().mean().item()
    assert equal > 0.7, "independent pixels would agree in 0.58"


@pytest.mark.parametrize("changes", [{}, {"hidden": [5], "noise_std": 0.0}], ids=str)
def test_a_halted_training_ends_in_the_same_bits_and_another_seed_in_others(changes):
    train = settings(ema={"name": "exponential", "decay": 0.9}, **changes)
    goes_on_in_the_same_bits(Training, train, images())


def test_pictures_do_not_change_the_training():
    train = settings(steps=10)
    shown = Training(train, 0, images(), CPU)
    for _ in range(10):
        shown.draw(3)
        shown.advance()
    whole, seen = played(Training, train, images()).weights(), shown.weights()
    assert all(torch.equal(whole[key], seen[key]) for key in whole)


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"corruption": 1.1}, "corruption"),
        ({"hidden": []}, "hidden"),
        ({"walkback_steps": 0}, "walkback"),
        (
            {"walkback_steps": 1},
            "walkback_steps is 1: with 2 hidden layers no step shows what the top",
        ),
    ],
)
def test_settings_out_of_range_are_refused(changes, expected):
    with pytest.raises(ValueError, match=expected):
        settings(**changes)
