"""The training of a restricted Boltzmann machine: it learns, repeats itself, and goes on after a halt."""

import math

import pytest
import torch

from pipeline.compute.streams import generator
from pipeline.config.models.rbm.train import Train
from pipeline.errors import TrainingError
from pipeline.models.rbm import normaliser
from pipeline.models.rbm.centred import CentredRbm
from pipeline.models.rbm.enumeration import all_states
from pipeline.models.rbm.saved import Saved
from pipeline.models.rbm.training import Training
from tests.models.small_training import CPU, drawn, goes_on_in_the_same_bits, played, saved_of


def settings(**changes) -> Train:
    train = {"steps": 60, "batch_size": 20, "log_steps": 10, "binarize": "dynamic", "hidden": 6}
    optimizer = {"name": "sgd", "lr": 0.1}
    return Train.model_validate(
        train | {"optimizer": optimizer, "sampling_steps": 50, "annealing_steps": 100} | changes
    )


def images(count: int = 200) -> torch.Tensor:
    """Two noisy patterns of 3 x 3 pixels: there is something to learn."""
    stream = generator(0, "images")
    patterns = torch.rand(2, 1, 3, 3, generator=stream).round() * 1.8 - 0.9
    return patterns[torch.arange(count) % 2]


VARIANTS = [
    {},
    {"persistent": False, "gibbs_steps": 3},
    {"offsets": "average", "binarize": "fixed"},
    {"offsets": "none", "binarize": "threshold", "chains": 7},
]


@pytest.mark.parametrize("changes", VARIANTS, ids=str)
def test_a_halted_training_ends_in_the_same_bits_and_another_seed_in_others(changes):
    """The chains are a part of the state: without them the halves would differ."""
    goes_on_in_the_same_bits(Training, settings(**changes), images())


@pytest.mark.parametrize("changes", VARIANTS[:3], ids=str)
def test_it_learns_the_distribution_of_the_data(changes):
    """Two patterns with pixels that are wrong with probability .05: log 2 and 9 entropies of .1985 nats."""
    optimizer = {"name": "sgd", "lr": 0.3, "schedule": {"name": "linear"}}
    train = settings(steps=3_000, optimizer=optimizer, **{**changes, "binarize": "dynamic"})
    found = saved_of(Saved, played(Training, train, images())).likelihood("raw")
    assert found.kind == "exact"
    assert found.of(images(2_000), "train").mean().item() == pytest.approx(-2.48, abs=0.15)


def test_the_likelihood_of_all_images_sums_to_one():
    found = saved_of(Saved, played(Training, settings(binarize="threshold"), images())).likelihood(
        "raw"
    )
    every = all_states(9).float().view(-1, 1, 3, 3) * 2 - 1
    assert found.of(every, "test").exp().sum().item() == pytest.approx(1, abs=1e-5)


@pytest.mark.parametrize("offsets", ["data", "average", "none"])
def test_offsets_follow_what_they_are_told_to_follow(offsets):
    rate = {} if offsets == "none" else {"offset_rate": 1.0}
    training = Training(settings(offsets=offsets, **rate), 0, images(), CPU)
    seen = training.advance()
    data, model = seen["data"].mean(0), seen["model"].mean(0)
    followed = {"data": data, "average": (data + model) / 2, "none": torch.zeros(9)}[offsets]
    torch.testing.assert_close(training.net.visible_offset, followed)
    assert (training.net.hidden_offset == (0 if offsets == "none" else 0.5)).all() == (
        offsets == "none"
    )


def test_persistent_chains_go_on_and_others_start_at_the_minibatch():
    """After a step of learning rate almost 0 the chains of PCD are where Gibbs steps from their start lead."""
    frozen = {"name": "sgd", "lr": 1e-15}
    for persistent in (True, False):
        training = played(
            Training, settings(steps=1, optimizer=frozen, persistent=persistent), images()
        )
        assert len(training.net.chains) == (100 if persistent else 20)
    nearly_certain = settings(steps=1, optimizer=frozen, persistent=False, offsets="none")
    training = Training(nearly_certain, 0, images(), CPU)
    with torch.no_grad():  # each hidden unit copies one pixel, and the pixel follows it
        training.net.weight.copy_(torch.eye(9, 6) * 60)
        training.net.visible_bias.fill_(-30)
        training.net.hidden_bias.fill_(-30)
    seen = training.advance()
    assert torch.equal(seen["model"][:, :6], seen["data"][:, :6])


def test_samples_are_the_same_again_and_in_range():
    saved = saved_of(Saved, played(Training, settings(steps=2_000), images()))
    drawn(saved, 50)
    assert saved.walk("raw", images(5)).images_RSCHW.shape == (4, 10, 1, 3, 3)


def test_many_hidden_units_get_an_estimate_from_both_sides(monkeypatch):
    training = played(Training, settings(steps=1_000), images())
    exact = saved_of(Saved, training).likelihood("raw")
    monkeypatch.setattr("pipeline.models.rbm.enumeration.MOST_HIDDEN", 5)
    found = saved_of(Saved, training).likelihood("raw")
    assert (exact.kind, exact.error, found.kind) == ("exact", None, "estimate")
    assert saved_of(Saved, training).wait_for_likelihood("raw").seconds > 0
    assert found.error is not None and 0 < found.error < 0.2
    for estimate in ("log_z", "log_z_in_reverse"):
        assert found.more[estimate] == pytest.approx(exact.more["log_z"], abs=0.3)
    assert (
        f"in reverse {found.more['log_z_in_reverse'] - found.more['log_z']:+.2f} nats" in found.how
    )


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"persistent": False, "chains": 50}, "chains: with persistent: false"),
        ({"offsets": "none", "offset_rate": 0.1}, "offset_rate is 0.1, but offsets is none"),
        ({"ema": {"name": "exponential", "decay": 0.9}}, "ema: an average of weights"),
        ({"precision": "bf16"}, "precision"),
        ({"offset_rate": 1.5}, "offset_rate"),
    ],
)
def test_settings_that_contradict_each_other_are_refused(changes, expected):
    with pytest.raises(ValueError, match=expected):
        settings(**changes)


def test_a_binarisation_has_to_be_named():
    with pytest.raises(ValueError, match="binarize"):
        Train.model_validate({"steps": 1, "batch_size": 2, "optimizer": {"name": "sgd", "lr": 0.1}})


def test_fewer_images_than_a_minibatch_are_refused_before_a_step():
    """Of a folder only its images tell how many there are; the minibatches would be empty."""
    with pytest.raises(TrainingError, match=r"train\.batch_size is 20, but there are 19 training"):
        Training(settings(), 0, images(19), CPU)


def test_log_z_has_an_error_where_one_chain_has_learned():
    net = CentredRbm(torch.full((9,), 0.3), 25, 1, generator(0, "init"))
    found = normaliser.of(net, 10).more
    assert math.isfinite(found["log_z_in_reverse_error"])
