"""Gibbs chains: the distribution that they leave as it is, and the one that they reach."""

import torch

from pipeline.compute.streams import generator
from pipeline.models.rbm.gibbs import bernoulli, fair_coins, sweep
from tests.models.rbm.small import exact_draws, machine, probabilities

CHAINS = 40_000


def chi_square(v_BV: torch.Tensor, expected_S: torch.Tensor) -> float:
    """Of how often the chains are in each of the states; its mean is their number - 1 where it fits."""
    numbers = (v_BV.long() << torch.arange(v_BV.shape[1])).sum(1)
    counts_S = torch.bincount(numbers, minlength=len(expected_S))
    expected_S = expected_S * len(v_BV)
    return ((counts_S - expected_S).square() / expected_S).sum().item()


def test_sweeps_leave_the_enumerated_distribution_as_it_is():
    """31 degrees of freedom: above 70 once in 10,000 seeds."""
    rbm = machine()
    stream = generator(0, "test")
    h = bernoulli(torch.sigmoid(rbm.hidden_logits(exact_draws(rbm, CHAINS))), stream)
    assert chi_square(sweep(rbm, h, 3, stream).v_BV, probabilities(rbm)) < 70


def test_chains_from_fair_coins_reach_it():
    rbm = machine()
    stream = generator(0, "test")
    h = fair_coins(CHAINS, 4, stream).double()
    assert chi_square(sweep(rbm, h, 1, stream).v_BV, probabilities(rbm)) > 200
    assert chi_square(sweep(rbm, h, 60, stream).v_BV, probabilities(rbm)) < 70


def test_the_means_are_those_the_states_were_drawn_from():
    rbm = machine()
    h = fair_coins(1, 4, generator(0, "test")).double().expand(CHAINS, -1)
    end = sweep(rbm, h, 1, generator(1, "test"))
    torch.testing.assert_close(end.visible_means_BV, torch.sigmoid(rbm.visible_logits(h)))
    torch.testing.assert_close(end.hidden_means_BH, torch.sigmoid(rbm.hidden_logits(end.v_BV)))
    torch.testing.assert_close(end.v_BV.mean(0), end.visible_means_BV[0], atol=0.01, rtol=0)
    assert end.h_BH.unique().tolist() == [0, 1]
    torch.testing.assert_close(end.h_BH.mean(0), end.hidden_means_BH.mean(0), atol=0.01, rtol=0)


def test_sweeps_in_parts_are_the_same_sweeps():
    rbm = machine()
    streams = [generator(1, "test") for _ in range(2)]
    h = fair_coins(10, 4, generator(0, "test")).double()
    whole = sweep(rbm, h, 5, streams[0])
    parts = sweep(rbm, sweep(rbm, h, 2, streams[1]).h_BH, 3, streams[1])
    for a, b in zip(whole, parts, strict=True):
        assert torch.equal(a, b)
