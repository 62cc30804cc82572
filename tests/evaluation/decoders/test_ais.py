"""Probabilistic PCA, G(z) = W z + m, has log p(x) in closed form: N(x; m, W W^T + sigma^2 I)."""

import math

import pytest
import torch

from pipeline.compute.streams import generator
from pipeline.evaluation.decoders import ais, hmc
from pipeline.evaluation.decoders.latent import FROM_NORMAL
from pipeline.evaluation.decoders.resampling import effective, resampled
from pipeline.evaluation.decoders.schedule import Annealing, betas

DIM, LATENT, SIGMA = 12, 3, 0.2
HOW = Annealing(chains=64, temperatures=100, leapfrog_steps=5, acceptance=0.65)


def linear(dtype=torch.float32):
    stream = generator(0, "weights")
    w_ZD = torch.randn(LATENT, DIM, generator=stream).to(dtype) * 0.5
    m_D = torch.rand(DIM, generator=stream).to(dtype)
    return w_ZD, m_D


def decoder(w_ZD, m_D):
    return lambda u_RZ: u_RZ @ w_ZD + m_D


def exact(x_MD, w_ZD, m_D, sigma):
    covariance = w_ZD.T.double() @ w_ZD.double() + sigma**2 * torch.eye(DIM, dtype=torch.float64)
    law = torch.distributions.MultivariateNormal(m_D.double(), covariance)
    return law.log_prob(x_MD.double())


def simulated(count, w_ZD, m_D):
    stream = generator(1, "simulated")
    u_MZ = torch.randn(count, LATENT, generator=stream)
    return u_MZ, u_MZ @ w_ZD + m_D + SIGMA * torch.randn(count, DIM, generator=stream)


def sandwich(temperatures, seed=2, count=20, chains=16):
    w_ZD, m_D = linear()
    u_MZ, x_MD = simulated(count, w_ZD, m_D)
    how = Annealing(chains=chains, temperatures=temperatures, leapfrog_steps=5, acceptance=0.65)
    found = ais.sandwich(
        decoder(w_ZD, m_D),
        u_MZ,
        x_MD,
        torch.full((count,), SIGMA),
        how,
        generator(seed, "chains"),
    )
    return found, exact(x_MD, w_ZD, m_D, SIGMA)


def test_the_bounds_enclose_the_exact_log_likelihood_of_probabilistic_pca():
    found, known_M = sandwich(temperatures=150, chains=32)
    below, above = found.lower.log_p_M.mean(), found.upper.log_p_M.mean()
    assert abs(below - known_M.mean()) < 0.15 and abs(above - known_M.mean()) < 0.15
    assert torch.allclose(found.lower.log_p_M, known_M, atol=1)


def test_the_gap_shrinks_with_more_temperatures():
    gaps = []
    for temperatures in (5, 25, 125):
        found, _ = sandwich(temperatures, chains=4)
        gaps.append((found.upper.log_p_M - found.lower.log_p_M).mean().item())
    assert gaps[0] > 2 * gaps[1] > 4 * gaps[2] > 0


def test_a_single_temperature_is_importance_sampling_from_the_prior():
    """Parzen's estimate of the same chains: log of the mean of p(x|z) over z from the prior."""
    w_ZD, m_D = linear()
    x_MD = simulated(3, w_ZD, m_D)[1]
    how = Annealing(chains=50_000, temperatures=1, leapfrog_steps=1, acceptance=0.65)
    sigma_M = torch.full((3,), SIGMA)
    found = ais.lower(decoder(w_ZD, m_D), x_MD, sigma_M, LATENT, how, generator(0, "chains"))
    assert torch.allclose(found.log_p_M, exact(x_MD, w_ZD, m_D, SIGMA), atol=0.5)
    assert (found.effective_chains_M < 10_000).all()


def test_the_weights_mean_is_p_of_x_where_the_gap_is_wide():
    """E[w] = p(x) holds for any number of temperatures and step sizes: no bias but that of the log."""
    w_ZD, m_D = linear()
    x_MD = simulated(1, w_ZD, m_D)[1]
    how = Annealing(chains=10_000, temperatures=20, leapfrog_steps=2, acceptance=0.65)
    found = ais.lower(
        decoder(w_ZD, m_D), x_MD, torch.tensor([SIGMA]), LATENT, how, generator(3, "chains")
    )
    assert found.log_p_M.item() == pytest.approx(exact(x_MD, w_ZD, m_D, SIGMA).item(), abs=0.15)


def test_the_mean_over_conditional_passes_of_1_over_the_estimate_is_1_over_p_of_x():
    """E[1/estimate] = 1 / p(x) with few chains, few temperatures and chains that are drawn anew."""
    w_ZD, m_D = linear()
    u_MZ, x_MD = simulated(3_000, w_ZD, m_D)
    how = Annealing(chains=4, temperatures=12, leapfrog_steps=2, acceptance=0.65)
    sigma_M = torch.full((len(x_MD),), SIGMA)
    found = ais.sandwich(decoder(w_ZD, m_D), u_MZ, x_MD, sigma_M, how, generator(4, "chains"))
    known_M = exact(x_MD, w_ZD, m_D, SIGMA)
    assert found.upper.resamplings_M.mean() > 0.5 and found.lower.resamplings_M.mean() > 0.5
    for log_ratio_M in (found.lower.log_p_M - known_M, known_M - found.upper.log_p_M):
        ratio_M = log_ratio_M.exp()
        error = ratio_M.std() / math.sqrt(len(ratio_M))
        assert ratio_M.mean() == pytest.approx(1, abs=4 * error.item()) and error < 0.1


@pytest.mark.parametrize("keep_first", [False, True])
def test_chains_are_drawn_in_proportion_to_their_weights_and_their_mean_stays(keep_first):
    shares = torch.tensor([0.05, 0.1, 0.85], dtype=torch.float64)
    weights_MK = torch.cat([shares.log().expand(20_000, 3), torch.zeros(1, 3)])
    rows = torch.arange(weights_MK.numel()).float()
    at = hmc.Position(rows[:, None], rows.double(), rows[:, None])
    drawn, after_MK, few_M = resampled(at, weights_MK, generator(0, "chains"), keep_first)
    assert few_M[:-1].all() and not few_M[-1]
    assert torch.equal(drawn.u_RZ[-3:, 0], rows[-3:])
    assert torch.allclose(after_MK.logsumexp(1), weights_MK.logsumexp(1))
    assert torch.allclose(effective(after_MK), torch.tensor(3.0).double())
    parents_MK = drawn.u_RZ.view_as(weights_MK)[:-1] % 3
    if keep_first:
        assert (parents_MK[:, 0] == 0).all()
        parents_MK = parents_MK[:, 1:]
    found = torch.stack([(parents_MK == k).double().mean() for k in range(3)])
    assert found.tolist() == pytest.approx(shares.tolist(), abs=0.01)


def test_each_image_has_its_own_sigma():
    w_ZD, m_D = linear()
    x_MD = simulated(1, w_ZD, m_D)[1].expand(3, -1)
    sigmas = (0.1, 0.2, 0.6)
    found = ais.lower(
        decoder(w_ZD, m_D), x_MD, torch.tensor(sigmas), LATENT, HOW, generator(0, "chains")
    )
    known = [exact(x_MD[:1], w_ZD, m_D, sigma).item() for sigma in sigmas]
    assert found.log_p_M.tolist() == pytest.approx(known, abs=0.5)


def test_acceptance_is_near_what_is_aimed_at():
    w_ZD, m_D = linear()
    x_MD = simulated(10, w_ZD, m_D)[1]
    for aim in (0.65, 0.9):
        how = Annealing(chains=16, temperatures=200, leapfrog_steps=5, acceptance=aim)
        sigma_M = torch.full((10,), SIGMA)
        found = ais.lower(decoder(w_ZD, m_D), x_MD, sigma_M, LATENT, how, generator(0, "chains"))
        assert found.acceptance_M.mean().item() == pytest.approx(aim, abs=0.07)


def test_the_same_stream_gives_the_same_bits():
    first, second = (sandwich(20)[0] for _ in range(2))
    assert torch.equal(first.lower.log_p_M, second.lower.log_p_M)
    assert torch.equal(first.upper.log_p_M, second.upper.log_p_M)


def test_every_move_is_counted():
    w_ZD, m_D = linear()
    u_MZ, x_MD = simulated(2, w_ZD, m_D)
    ticks = []
    ais.sandwich(
        decoder(w_ZD, m_D),
        u_MZ,
        x_MD,
        torch.full((2,), SIGMA),
        HOW,
        generator(0, "chains"),
        ticks.append,
    )
    assert sum(ticks) == 2 * HOW.moves_of_sandwich


def test_betas_rise_from_0_to_1_by_equal_ratios_but_for_the_first():
    values = torch.tensor(betas(200), dtype=torch.float64)
    ratios = values[2:] / values[1:-1]
    assert values[0] == 0 and values[-1] == 1 and (ratios > 1).all()
    assert ratios[-1] == pytest.approx(ratios[-50].item(), rel=0.01)
    assert values.diff()[0] == pytest.approx(values.diff()[1].item(), rel=0.05)
    assert betas(1) == [0.0, 1.0]


@pytest.mark.parametrize("prior", FROM_NORMAL)
def test_priors_of_unit_variance_come_from_normal_numbers(prior):
    z_BZ = FROM_NORMAL[prior](torch.randn(20_000, 4, generator=generator(0, "u")))
    assert z_BZ.mean(dim=0).abs().max() < 0.03
    assert (z_BZ.var(dim=0) - 1).abs().max() < 0.05
    if prior == "uniform":
        assert z_BZ.abs().max() <= math.sqrt(3) + 1e-6
        ranks = (z_BZ[:, 0].sort().values / math.sqrt(3) + 1) / 2
        even = (torch.arange(20_000) + 0.5) / 20_000
        assert (ranks - even).abs().max() < 0.015
    if prior == "sphere":
        assert torch.allclose(z_BZ.norm(dim=1), torch.tensor(2.0))


def test_a_uniform_prior_gives_the_density_that_quadrature_gives():
    """One latent number, G(z) = (z / 4, -z / 8): p(x) is an integral over [-sqrt 3, sqrt 3]."""
    slope_D = torch.tensor([0.25, -0.125])
    x_MD = torch.tensor([[0.2, -0.05], [0.5, -0.3]])
    sigma = 0.1
    found = ais.lower(
        lambda u_RZ: FROM_NORMAL["uniform"](u_RZ) * slope_D,
        x_MD,
        torch.full((2,), sigma),
        1,
        HOW,
        generator(0, "chains"),
    )
    z_N = torch.linspace(-math.sqrt(3), math.sqrt(3), 20_001, dtype=torch.float64)
    squares_MN = (x_MD.double()[:, None] - z_N[:, None] * slope_D.double()).square().sum(dim=2)
    log_MN = -squares_MN / (2 * sigma**2) - 2 * math.log(sigma * math.sqrt(2 * math.pi))
    known_M = torch.logsumexp(log_MN, dim=1) - math.log(len(z_N))
    assert torch.allclose(found.log_p_M, known_M, atol=0.4)


def test_a_path_into_infinity_is_rejected():
    target = hmc.Target(lambda u: u.square().exp(), torch.zeros(4, 1), torch.full((4,), 0.01))
    start = target.at(torch.full((4, 1), 2.0))
    end, probability_R = hmc.move(
        target, start, 1.0, torch.full((4,), 100.0), 10, generator(0, "chains")
    )
    assert (probability_R == 0).all()
    assert torch.equal(end.u_RZ, start.u_RZ)
