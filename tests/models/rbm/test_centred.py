"""Centring: the same distribution, the gradient of the likelihood, and what the offsets do to it."""

import torch

from pipeline.compute.streams import generator
from pipeline.models.rbm.centred import SMALLEST_MEAN, CentredRbm, base_rates
from pipeline.models.rbm.energy import Rbm
from pipeline.models.rbm.enumeration import all_states, log_z
from tests.models.rbm.small import centred_machine, probabilities

DATA = all_states(5)[[3, 3, 9, 17, 30, 31, 12]]


def exact_gradient(net: CentredRbm, data_BV: torch.Tensor) -> list[torch.Tensor]:
    """`gradient` with the model's expectations in the place of samples: it is linear in them."""
    states = all_states(5)
    hidden, data_hidden = (torch.sigmoid(net.plain().hidden_logits(v)) for v in (states, data_BV))
    total = [torch.zeros_like(part) for part in net.parameters()]
    for state, means, probability in zip(states, hidden, probabilities(net.plain()), strict=True):
        parts = net.gradient(data_BV, data_hidden, state[None], means[None])
        total = [a + probability * b for a, b in zip(total, parts, strict=True)]
    return total


def test_gradient_is_that_of_the_likelihood_through_enumerated_log_z():
    net = centred_machine()
    W, b, c = net.parameters()
    rbm = Rbm(W, b - W @ net.hidden_offset, c - net.visible_offset @ W)
    loss = rbm.free_energy(DATA).mean() + log_z(rbm)
    for ours, autograds in zip(
        exact_gradient(net, DATA), torch.autograd.grad(loss, [W, b, c]), strict=True
    ):
        torch.testing.assert_close(ours, autograds)


def test_gradient_is_that_of_the_difference_of_free_energies():
    net = centred_machine()
    model = all_states(5)[[0, 8, 19, 22]]
    loss = net.free_energy(DATA).mean() - net.free_energy(model).mean()
    hidden = [torch.sigmoid(net.plain().hidden_logits(v)) for v in (DATA, model)]
    ours = net.gradient(DATA, hidden[0], model, hidden[1])
    for part, autograds in zip(
        ours, torch.autograd.grad(loss, list(net.parameters())), strict=True
    ):
        torch.testing.assert_close(part, autograds)


def test_free_energy_is_the_plain_ones_plus_a_constant():
    net = centred_machine()
    states = all_states(5)
    difference = net.free_energy(states) - net.plain().free_energy(states)
    torch.testing.assert_close(difference, difference[:1].expand(32))
    assert difference[0].abs() > 0.1


def test_moving_the_offsets_changes_no_probability():
    net = centred_machine()
    before, biases = probabilities(net.plain()), net.visible_bias.clone()
    visible, hidden = (torch.rand(n, dtype=torch.float64) for n in (5, 4))
    net.move_offsets(visible, hidden, 0.3)
    torch.testing.assert_close(probabilities(net.plain()), before)
    assert not torch.allclose(net.visible_bias, biases)
    net.move_offsets(visible, hidden, 1.0)
    torch.testing.assert_close(net.visible_offset, visible)
    torch.testing.assert_close(net.hidden_offset, hidden)


def test_offsets_halfway_between_data_and_model_give_the_enhanced_gradient():
    """Cho, Raiko, Ilin 2011: the difference of the covariances, for the weights."""
    net = centred_machine()
    rbm, states = net.plain(), all_states(5)
    p = probabilities(rbm)
    h_model, h_data = (torch.sigmoid(rbm.hidden_logits(v)) for v in (states, DATA))
    v_mean, h_mean = p @ states, p @ h_model
    net.move_offsets((DATA.mean(0) + v_mean) / 2, (h_data.mean(0) + h_mean) / 2, 1.0)
    of_data = (DATA - DATA.mean(0)).T @ (h_data - h_data.mean(0)) / len(DATA)
    of_model = (states - v_mean).T @ (p[:, None] * (h_model - h_mean))
    torch.testing.assert_close(exact_gradient(net, DATA)[0], of_model - of_data)


def test_the_gradient_does_not_care_which_value_is_called_1():
    """The reason for centring: with all pixels inverted, W's rows and b change their signs and nothing else."""
    net, inverted = centred_machine(), centred_machine()
    with torch.no_grad():
        inverted.weight.neg_()
        inverted.visible_bias.neg_()
        inverted.visible_offset.neg_().add_(1)
    W, b, c = exact_gradient(net, DATA)
    for ours, expected in zip(exact_gradient(inverted, 1 - DATA), (-W, -b, c), strict=True):
        torch.testing.assert_close(ours, expected)


def test_it_starts_at_the_data_means():
    mean = torch.tensor([0.0, 0.2, 0.9])
    net = CentredRbm(mean, 4, 100, generator(0, "init"))
    middle = torch.full((1, 4), 0.5)
    expected = torch.tensor([[SMALLEST_MEAN, 0.2, 0.9]])
    torch.testing.assert_close(torch.sigmoid(net.plain().visible_logits(middle)), expected)
    torch.testing.assert_close(torch.sigmoid(net.plain().hidden_logits(mean[None])), middle)
    torch.testing.assert_close(torch.sigmoid(base_rates(mean)), expected[0])
    assert net.chains.shape == (100, 4)
    assert 0.4 < net.chains.mean() < 0.6
