import math

import pytest
import torch

from pipeline.evaluation import theory
from pipeline.gan.streams import generator

LINE = theory.Mixture(torch.tensor([[-0.3], [0.4]]), 0.09)
PLANE = theory.Mixture(torch.tensor([[-0.4, 0.1], [0.3, -0.2]]), 0.08)


def drawn(mixture: theory.Mixture, count: int, shift: float = 0.0) -> torch.Tensor:
    stream = generator(0, "points")
    component = torch.randint(len(mixture.means_KA), (count,), generator=stream)
    noise = torch.randn((count, mixture.axes), generator=stream)
    return mixture.means_KA[component] + mixture.std * noise + shift


@pytest.mark.parametrize("mixture", [LINE, PLANE])
def test_masses_sum_to_1_and_counting_finds_them(mixture: theory.Mixture):
    exact = theory.exact_mass(mixture)
    counted = theory.counted_mass(drawn(mixture, 100_000))
    assert exact.sum().item() == pytest.approx(1)
    assert counted.sum().item() == pytest.approx(1)
    assert (exact - counted).abs().max() < 3e-3
    centres, inside = theory.centres(mixture.axes), exact[:-1]
    mean = (inside[:, None] * centres).sum(dim=0)
    torch.testing.assert_close(mean, mixture.means_KA.double().mean(dim=0), atol=1e-3, rtol=0)


def test_c_is_minus_log_4_where_the_densities_agree_and_0_where_they_never_meet():
    data = theory.exact_mass(LINE)
    assert theory.c_of_g(data, data) == pytest.approx(-math.log(4))
    elsewhere = theory.counted_mass(torch.full((10, 1), 0.99))
    assert theory.c_of_g(data, elsewhere) == pytest.approx(0, abs=1e-6)


def test_c_of_two_gaussians_agrees_with_an_integral():
    """JSD of N(-0.3, 0.09^2) and N(-0.1, 0.09^2) by a fine sum over the densities."""
    one, two = (theory.Mixture(torch.tensor([[m]]), 0.09) for m in (-0.3, -0.1))
    x = torch.linspace(-1.25, 1.25, 200_001, dtype=torch.float64)
    p, q = (
        torch.exp(-((x - m) ** 2) / (2 * 0.09**2)) / (0.09 * math.sqrt(2 * math.pi))
        for m in (-0.3, -0.1)
    )
    integrand = torch.xlogy(p, p / (p + q)).nan_to_num() + torch.xlogy(q, q / (p + q)).nan_to_num()
    expected = torch.trapezoid(integrand, x).item()
    found = theory.c_of_g(theory.exact_mass(one), theory.exact_mass(two))
    assert found == pytest.approx(expected, abs=2e-4)


def test_the_optimal_d_reaches_c_and_no_other_does():
    """Proposition 1: V(D*, G) = C(G) is the maximum over D."""
    data, model = theory.exact_mass(LINE), theory.counted_mass(drawn(LINE, 50_000, shift=0.05))
    best = theory.optimum(data, model)[:-1]
    found = theory.against_the_optimum(data, model, best)
    assert found["value"] == pytest.approx(found["c"], abs=1e-6)
    assert found["d_to_optimum"] == 0
    for other in (best.clamp(0.1, 0.6), torch.full_like(best, 0.5)):
        worse = theory.against_the_optimum(data, model, other)
        assert worse["value"] < found["value"]
        assert worse["d_to_optimum"] > 0
    half = theory.against_the_optimum(data, model, torch.full_like(best, 0.5))
    assert half["value"] == pytest.approx(-math.log(4), abs=1e-6)
    assert half["d_to_half"] == 0


def test_points_outside_the_box_are_counted_against_g():
    outside = theory.counted_mass(torch.tensor([[0.0], [7.0], [-7.0], [math.pi]]))
    assert outside[-1] == 0.75


def test_held_out_images_bound_the_divergence():
    fair = theory.bound(torch.zeros(9), torch.zeros(9))
    assert fair == {"value": pytest.approx(-math.log(4)), "jsd_at_least": 0.0}
    sure = theory.bound(torch.full((9,), 50.0), torch.full((9,), -50.0))
    assert sure["jsd_at_least"] == pytest.approx(math.log(2))
