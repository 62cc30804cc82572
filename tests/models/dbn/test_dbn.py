"""A deep belief net: its bound, its two trainings, and its samples."""

import copy

import pytest
import torch

from pipeline.compute.streams import generator
from pipeline.config.models.dbn.train import Train
from pipeline.models.dbn import bound
from pipeline.models.dbn.saved import Saved
from pipeline.models.dbn.training import trainings
from pipeline.models.rbm.energy import Rbm
from pipeline.models.rbm.enumeration import all_states, log_z
from tests.models.rbm.small import machine
from tests.models.rbm.test_training import images
from tests.models.small_training import CPU, drawn, saved_of


def log_p(first: Rbm, top: Rbm, v_BV: torch.Tensor) -> torch.Tensor:
    """Exact: the sum over all states of the units between the machines."""
    h = all_states(len(first.hidden_bias_H))
    log_h = -top.free_energy(h) - log_z(top)
    logits = first.visible_logits(h)
    log_v_given_h = v_BV @ logits.T - torch.nn.functional.softplus(logits).sum(1)
    return (log_v_given_h + log_h).logsumexp(1)


def test_the_bound_is_below_the_likelihood():
    first, top, v = machine(6, 4), machine(4, 5), all_states(6)
    torch.testing.assert_close(log_p(first, top, v).exp().sum().item(), 1.0)
    found = bound.of(first, top, log_z(top).item(), v, 2_000, generator(0, "test"))
    exact = log_p(first, top, v)
    assert (found < exact + 0.05).all()
    assert (found < exact - 0.3).any()


def test_the_bound_is_exact_where_the_second_machine_is_the_first_upside_down():
    """Then the net is the first machine, whose posterior is factorial (Hinton, Osindero & Teh 2006)."""
    first, v = machine(6, 4), all_states(6)
    top = Rbm(first.weight_VH.T, first.hidden_bias_H, first.visible_bias_V)
    expected = -first.free_energy(v) - log_z(first)
    torch.testing.assert_close(log_p(first, top, v), expected)
    for draws in (1, 5):  # what is averaged is the same for every draw
        found = bound.of(first, top, log_z(top).item(), v, draws, generator(0, "test"))
        torch.testing.assert_close(found, expected)


def settings(**changes) -> Train:
    train = {"steps": 60, "batch_size": 20, "binarize": "dynamic", "hidden": 5}
    more = {"first": {"hidden": 4, "steps": 50}, "optimizer": {"name": "sgd", "lr": 0.1}}
    return Train.model_validate(train | more | {"sampling_steps": 50} | changes)


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
    return training


def test_a_halted_training_ends_in_the_same_bits_and_another_seed_in_others():
    whole = trained(settings()).weights()
    halted, other = trained(settings(), (17, 23)).weights(), trained(settings(), seed=1).weights()
    assert all(torch.equal(whole[key], halted[key]) for key in whole)
    assert any(not torch.equal(whole[key], other[key]) for key in whole)


def test_the_first_machine_stays_as_it_was_trained():
    parts = trainings(settings(), 0, images(), CPU)
    _, first = next(parts)
    while first.step < first.steps:
        first.advance()
    expected = {key: value.clone() for key, value in first.net.state_dict().items()}
    _, second = next(parts)
    assert (first.steps, second.steps) == (50, 60)
    second.advance()
    weights = second.weights()
    assert weights["first.weight"].shape == (9, 4) and weights["net.weight"].shape == (4, 5)
    assert all(torch.equal(weights[f"first.{key}"], value) for key, value in expected.items())


def test_it_learns_the_distribution_of_the_data():
    """Two patterns with pixels that are wrong with probability .05: log 2 and 9 entropies of .1985 nats."""
    optimizer = {"name": "sgd", "lr": 0.3, "schedule": {"name": "linear"}}
    first = {"hidden": 4, "steps": 2_000}
    saved = saved_of(Saved, trained(settings(steps=2_000, optimizer=optimizer, first=first)))
    found = saved.likelihood("raw")
    assert found.kind == "bound"
    value = found.of(images(2_000), "train").mean().item()
    assert value == pytest.approx(-2.48, abs=0.3)
    every = all_states(9).float().view(-1, 1, 3, 3) * 2 - 1
    assert found.of(every, "test").exp().sum() < 1.05
    samples, *_ = drawn(saved, 50)
    patterns = images(2).sign().flatten(1)
    near = (samples.sign().flatten(1)[:, None] == patterns).all(-1)
    assert near.any(1).float().mean() > 0.6
    assert saved.walk("raw", images(5)).images_RSCHW.shape == (4, 10, 1, 3, 3)
