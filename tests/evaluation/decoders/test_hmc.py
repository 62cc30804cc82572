import itertools

import torch

from pipeline.compute.streams import generator
from pipeline.evaluation.decoders import hmc

X_RD = torch.tensor([[0.3, 0.7, 0.1], [0.9, 0.2, 0.4]], dtype=torch.float64)
SIGMA_R = torch.tensor([0.2, 0.3], dtype=torch.float64)
BETA = 0.6


def decode(u_RZ):
    """Two latent numbers to three pixels, not linear."""
    a, b = u_RZ.unbind(dim=1)
    return torch.sigmoid(torch.stack([a + b, a * b, a - 0.5 * b.square()], dim=1))


TARGET = hmc.Target(decode, X_RD, SIGMA_R)


def start():
    stream = generator(0, "start")
    u_RZ, p_RZ = torch.randn(2, 2, 2, generator=stream, dtype=torch.float64)
    return TARGET.at(u_RZ), p_RZ


def test_the_gradient_is_that_of_finite_differences():
    at, _ = start()
    h = 1e-6
    for column in range(2):
        shift_RZ = torch.zeros_like(at.u_RZ)
        shift_RZ[:, column] = h
        up, down = (TARGET.at(at.u_RZ + sign * shift_RZ) for sign in (1, -1))
        slope_R = (up.log_likelihood_R - down.log_likelihood_R) / (2 * h)
        assert torch.allclose(at.gradient_RZ[:, column], slope_R, rtol=1e-6, atol=1e-7)


def test_the_log_likelihood_is_that_of_the_normal_law_without_its_constant():
    at, _ = start()
    law = torch.distributions.Normal(decode(at.u_RZ), SIGMA_R[:, None])
    of_mode = torch.distributions.Normal(X_RD, SIGMA_R[:, None]).log_prob(X_RD).sum(dim=1)
    assert torch.allclose(at.log_likelihood_R, law.log_prob(X_RD).sum(dim=1) - of_mode)


def test_leapfrog_conserves_energy_to_second_order():
    at, p_RZ = start()
    before_R = hmc.energy(at, p_RZ, BETA)
    errors = []
    for count in (20, 40, 80):
        end, end_p_RZ = hmc.leapfrog(
            TARGET, at, p_RZ, BETA, torch.full((2,), 0.4 / count, dtype=torch.float64), count
        )
        errors.append((hmc.energy(end, end_p_RZ, BETA) - before_R).abs().max().item())
    assert errors[-1] < 1e-3
    for coarse, fine in itertools.pairwise(errors):
        assert 3.5 < coarse / fine < 4.5


def test_leapfrog_runs_backwards_to_where_it_came_from():
    at, p_RZ = start()
    step_R = torch.tensor([0.05, 0.02], dtype=torch.float64)
    end, end_p_RZ = hmc.leapfrog(TARGET, at, p_RZ, BETA, step_R, 30)
    back, back_p_RZ = hmc.leapfrog(TARGET, end, -end_p_RZ, BETA, step_R, 30)
    assert not torch.allclose(end.u_RZ, at.u_RZ, atol=1e-3)
    assert torch.allclose(back.u_RZ, at.u_RZ, atol=1e-10)
    assert torch.allclose(back_p_RZ, -p_RZ, atol=1e-10)


def test_leapfrog_keeps_volumes():
    """The determinant of the map (u, p) -> (u', p') is 1, here by finite differences for the first chain."""

    def ends(values_4):
        u_RZ, p_RZ = (part.expand(2, -1) for part in values_4.split(2))
        step_R = torch.full((2,), 0.1, dtype=torch.float64)
        end, end_p_RZ = hmc.leapfrog(TARGET, TARGET.at(u_RZ), p_RZ, BETA, step_R, 3)
        return torch.cat([end.u_RZ[0], end_p_RZ[0]])

    at, p_RZ = start()
    here_4, h = torch.cat([at.u_RZ[0], p_RZ[0]]), 1e-5
    columns = [
        (ends(here_4 + h * axis) - ends(here_4 - h * axis)) / (2 * h)
        for axis in torch.eye(4, dtype=torch.float64)
    ]
    assert abs(torch.linalg.det(torch.stack(columns)).item() - 1) < 1e-7


def test_moves_leave_the_distribution_as_it_is():
    """With no decoder's influence the target is N(0, I), whose moments chains keep from a draw of it."""
    target = hmc.Target(lambda u: 0 * u, torch.zeros(4_000, 2), torch.ones(4_000))
    stream = generator(0, "chains")
    at = target.at(torch.randn(4_000, 2, generator=stream))
    for _ in range(10):
        at, probability_R = hmc.move(target, at, 1.0, torch.full((4_000,), 0.9), 3, stream)
    assert 0.5 < probability_R.mean() < 0.99
    assert at.u_RZ.mean(dim=0).abs().max() < 0.06
    assert (at.u_RZ.var(dim=0) - 1).abs().max() < 0.08
