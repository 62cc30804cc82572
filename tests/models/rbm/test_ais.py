"""Annealed importance sampling against log Z by enumeration."""

import itertools

import pytest
import torch

from pipeline.compute.streams import generator
from pipeline.models.rbm.ais import Estimate, betas, forwards, in_reverse
from pipeline.models.rbm.centred import base_rates
from pipeline.models.rbm.energy import Rbm
from pipeline.models.rbm.enumeration import log_z
from tests.models.rbm.small import exact_draws, machine


def base(rbm: Rbm) -> torch.Tensor:
    return base_rates(torch.linspace(0.2, 0.7, len(rbm.visible_bias_V))).to(rbm.weight_VH.dtype)


def test_both_directions_agree_with_enumeration():
    rbm = machine(10, 8)
    exact, stream = log_z(rbm).item(), generator(0, "test")
    there = forwards(rbm, base(rbm), betas(300), 400, stream)
    back = in_reverse(rbm, base(rbm), betas(300), exact_draws(rbm, 400), stream)
    for found in (there, back):
        assert abs(found.log_z - exact) < 4 * found.standard_error
        assert found.standard_error < 0.03
        assert 200 < found.effective_chains <= 400


def test_float32_is_enough_for_the_chains():
    rbm = machine(200, 10, 0.3)
    single = Rbm(*(part.float() for part in rbm))
    found = forwards(single, single.visible_bias_V, betas(1_000), 100, generator(0, "test"))
    assert abs(found.log_z - log_z(rbm).item()) < 4 * found.standard_error
    assert found.standard_error < 0.05


def test_few_betas_bound_log_z_from_below_and_in_reverse_from_above():
    rbm = machine(10, 8, 2.0)
    exact, stream = log_z(rbm).item(), generator(0, "test")
    draws = exact_draws(rbm, 100 * 4).split(4)
    there = [forwards(rbm, base(rbm), betas(3), 4, stream).log_z - exact for _ in range(100)]
    back = [in_reverse(rbm, base(rbm), betas(3), v, stream).log_z - exact for v in draws]
    means = torch.tensor([there, back]).mean(1)
    errors = torch.tensor([there, back]).std(1) / 10
    assert means[0] < -4 * errors[0]
    assert means[1] > 4 * errors[1]


def test_the_mean_of_the_weights_is_unbiased():
    """E[Z estimated] = Z with any betas; the bound is a matter of the logarithm."""
    rbm = machine(6, 4)
    found = forwards(rbm, base(rbm), [0.0, 0.4, 1.0], 50_000, generator(0, "test"))
    assert abs(found.log_z - log_z(rbm).item()) < 4 * found.standard_error
    assert found.standard_error < 0.02


def test_the_standard_error_is_the_spread_of_estimates():
    rbm, stream = machine(10, 8, 0.5), generator(0, "test")
    found = [forwards(rbm, base(rbm), betas(20), 100, stream) for _ in range(100)]
    spread = torch.tensor([estimate.log_z for estimate in found]).std().item()
    said = sum(estimate.standard_error for estimate in found) / len(found)
    assert spread == pytest.approx(said, rel=0.25)


def test_a_machine_without_connections_is_its_base():
    rbm = machine(10, 8)._replace(weight_VH=torch.zeros(10, 8, dtype=torch.float64))
    rbm = rbm._replace(hidden_bias_H=torch.zeros(8, dtype=torch.float64))
    found = forwards(rbm, rbm.visible_bias_V, betas(10), 20, generator(0, "test"))
    assert found == Estimate(
        pytest.approx(log_z(rbm).item()), pytest.approx(0, abs=1e-12), pytest.approx(20)
    )


def test_betas_are_the_papers():
    """Salakhutdinov & Murray: 500 up to 0.5, 4,000 up to 0.9, 10,000 up to 1."""
    found = torch.tensor(betas(14_500), dtype=torch.float64)
    assert len(found) == 14_501
    assert (found[0], found[500], found[4_500], found[-1]) == (0, 0.5, 0.9, 1)
    torch.testing.assert_close(found.diff()[1_000], torch.tensor(1e-4, dtype=torch.float64))


@pytest.mark.parametrize("count", [3, 4, 10, 999])
def test_betas_rise_to_1_in_as_many_steps_as_asked(count: int):
    found = betas(count)
    assert len(found) == count + 1
    assert found[0] == 0 and found[-1] == 1
    assert all(a < b for a, b in itertools.pairwise(found))
