"""The free energy and log Z against their definitions and against scikit-learn."""

import pytest
import torch
from sklearn.neural_network import BernoulliRBM

from pipeline.models.rbm.energy import Rbm
from pipeline.models.rbm.enumeration import MOST_HIDDEN, all_states, log_z
from tests.models.rbm.small import machine


def joint(rbm: Rbm) -> torch.Tensor:
    """v W h + b v + c h for every pair of states, [2^V, 2^H]."""
    v, h = all_states(len(rbm.visible_bias_V)), all_states(len(rbm.hidden_bias_H))
    biases = (v @ rbm.visible_bias_V)[:, None] + h @ rbm.hidden_bias_H
    return v @ rbm.weight_VH @ h.T + biases


def test_all_states_are_there_once():
    states = all_states(5)
    assert states.shape == (32, 5)
    assert len({tuple(row) for row in states.tolist()}) == 32
    assert states.unique().tolist() == [0, 1]


def test_free_energy_sums_over_the_hidden_states():
    rbm = machine()
    torch.testing.assert_close(-rbm.free_energy(all_states(5)), joint(rbm).logsumexp(1))


def test_log_z_sums_over_all_states(monkeypatch: pytest.MonkeyPatch):
    rbm = machine()
    whole = joint(rbm).logsumexp((0, 1))
    torch.testing.assert_close(log_z(rbm), whole)
    monkeypatch.setattr("pipeline.models.rbm.enumeration.BLOCK_STATES", 3)
    torch.testing.assert_close(log_z(rbm), whole)


def test_conditionals_are_those_of_the_joint_distribution():
    rbm = machine()
    joint_VH = joint(rbm).exp()
    v, h = all_states(5), all_states(4)
    torch.testing.assert_close(
        torch.sigmoid(rbm.hidden_logits(v)), joint_VH @ h / joint_VH.sum(1, keepdim=True)
    )
    torch.testing.assert_close(
        torch.sigmoid(rbm.visible_logits(h)), joint_VH.T @ v / joint_VH.sum(0)[:, None]
    )


def test_free_energy_is_scikit_learns():
    rbm = machine(12, 7)
    other = BernoulliRBM(7)
    other.components_ = rbm.weight_VH.T.numpy()
    other.intercept_visible_ = rbm.visible_bias_V.numpy()
    other.intercept_hidden_ = rbm.hidden_bias_H.numpy()
    v = all_states(12)[::97]
    theirs = torch.from_numpy(other._free_energy(v.numpy()))
    torch.testing.assert_close(rbm.free_energy(v), theirs)


def test_too_many_states_are_refused():
    with pytest.raises(ValueError, match="21 hidden units have too many states; at most 20"):
        log_z(machine(3, MOST_HIDDEN + 1))
