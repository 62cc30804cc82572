"""A deep Boltzmann machine: its bound against the sum over all states, its training, its samples."""

import pytest
import torch
import torch.nn.functional as F

from pipeline.config.models.dbm.train import Train
from pipeline.models.dbm import mean_field
from pipeline.models.dbm.saved import Saved
from pipeline.models.dbm.training import Training
from pipeline.models.rbm.energy import Rbm
from pipeline.models.rbm.enumeration import all_states, log_z
from tests.models.rbm.small import machine
from tests.models.rbm.test_training import images
from tests.models.small_training import drawn, goes_on_in_the_same_bits, played, saved_of

PIXELS, HIDDEN, TOP = 5, 4, 3


def log_p(rbm: Rbm, v_BD: torch.Tensor) -> torch.Tensor:
    """Exact, from the energy of two hidden layers: the sum over all states of both, and of the pixels for log Z."""
    W, U = rbm.weight_VH[:PIXELS], rbm.weight_VH[PIXELS:].T
    b, d, c = rbm.visible_bias_V[:PIXELS], rbm.visible_bias_V[PIXELS:], rbm.hidden_bias_H

    def unnormalised(v: torch.Tensor) -> torch.Tensor:
        h, t = all_states(HIDDEN), all_states(TOP)
        pairs = (h @ U @ t.T + (h @ c)[:, None] + t @ d).flatten()  # over h and t
        with_pixels = (v @ W @ h.T).repeat_interleave(len(t), 1)
        return torch.logsumexp(with_pixels + pairs, 1) + v @ b

    return unnormalised(v_BD) - torch.logsumexp(unnormalised(all_states(PIXELS)), 0)


def test_log_z_is_that_of_the_restricted_machine_over_pixels_and_top():
    rbm, v = machine(PIXELS + TOP, HIDDEN), all_states(PIXELS)
    tops = all_states(TOP)
    every = torch.stack([torch.cat([v, t.expand(len(v), -1)], 1) for t in tops])
    found = torch.logsumexp(-rbm.free_energy(every.flatten(0, 1)).view(len(tops), -1), 0) - log_z(
        rbm
    )
    torch.testing.assert_close(found, log_p(rbm, v))


@pytest.mark.parametrize("sweeps", [1, 3, 50])
def test_the_bound_is_below_the_likelihood(sweeps: int):
    rbm, v = machine(PIXELS + TOP, HIDDEN), all_states(PIXELS)
    found, exact = mean_field.bound(rbm, log_z(rbm).item(), v, sweeps), log_p(rbm, v)
    assert (found <= exact + 1e-9).all()
    assert (found < exact - 1e-3).any()
    assert (exact - found).mean() < 0.5


def test_sweeps_raise_the_bound():
    rbm, v = machine(PIXELS + TOP, HIDDEN), all_states(PIXELS)
    means = [mean_field.bound(rbm, 0.0, v, sweeps).mean() for sweeps in (1, 2, 4, 30)]
    assert means == sorted(means)


def test_the_bound_is_exact_where_the_second_layer_is_cut_off():
    """Then h is independent given v, and so is t."""
    rbm, v = machine(PIXELS + TOP, HIDDEN), all_states(PIXELS)
    rbm.weight_VH[PIXELS:] = 0
    found = mean_field.bound(rbm, log_z(rbm).item(), v, 2)
    torch.testing.assert_close(found, log_p(rbm, v))
    alone = Rbm(rbm.weight_VH[:PIXELS], rbm.visible_bias_V[:PIXELS], rbm.hidden_bias_H)
    torch.testing.assert_close(found, -alone.free_energy(v) - log_z(alone))


def test_means_solve_the_mean_field_equations():
    rbm, v = machine(PIXELS + TOP, HIDDEN), all_states(PIXELS)
    t = mean_field.top(rbm, v, 500)
    h = torch.sigmoid(rbm.hidden_logits(torch.cat([v, t], 1)))
    torch.testing.assert_close(t, torch.sigmoid(rbm.visible_logits(h)[:, PIXELS:]))


def settings(**changes) -> Train:
    train = {"steps": 60, "batch_size": 20, "binarize": "dynamic", "hidden": 6, "top": 4}
    more = {"optimizer": {"name": "sgd", "lr": 0.1}, "sampling_steps": 20, "mean_field_sweeps": 3}
    return Train.model_validate(train | more | changes)


def test_a_halted_training_ends_in_the_same_bits_and_another_seed_in_others():
    goes_on_in_the_same_bits(Training, settings(), images())


def test_it_learns_the_distribution_of_the_data():
    """Two patterns with pixels that are wrong with probability .05: log 2 and 9 entropies of .1985 nats."""
    optimizer = {"name": "sgd", "lr": 0.3, "schedule": {"name": "linear"}}
    saved = saved_of(Saved, played(Training, settings(steps=1_500, optimizer=optimizer), images()))
    found = saved.likelihood("raw")
    assert found.kind == "bound"
    assert found.of(images(2_000), "train").mean().item() == pytest.approx(-2.48, abs=0.3)
    every = all_states(9).float().view(-1, 1, 3, 3) * 2 - 1
    assert found.of(every, "test").exp().sum() < 1 + 1e-4
    means, states, one_chain = drawn(saved, 60)
    patterns = images(2).sign().flatten(1)
    for shown in (means, one_chain):
        near = (shown.sign().flatten(1)[:, None] == patterns).all(-1)
        assert near.any(1).float().mean() > 0.6
    assert set(states.unique().tolist()) == {-1.0, 1.0}
    assert saved.walk("raw", images(5)).images_RSCHW.shape == (4, 10, 1, 3, 3)


def test_both_layers_learn():
    training = played(Training, settings(steps=200), images())
    weights = training.weights()["net.weight"]
    start = Training(settings(), 0, images(), training.device).weights()["net.weight"]
    change = (weights - start).norm(dim=1)
    assert (change > 1e-3).all()
    assert F.relu(change[9:]).mean() > 0.01


def test_chains_have_to_persist():
    with pytest.raises(ValueError, match="persistent"):
        settings(persistent=False)
