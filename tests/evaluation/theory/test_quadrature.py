import math

import pytest
import torch

from pipeline.compute.streams import generator
from pipeline.evaluation.theory import quadrature
from pipeline.evaluation.theory.players import d_at_centres

LINE = quadrature.Mixture(torch.tensor([[-0.3], [0.4]]), 0.09)
PLANE = quadrature.Mixture(torch.tensor([[-0.4, 0.1], [0.3, -0.2]]), 0.08)


def drawn(mixture: quadrature.Mixture, count: int, shift: float = 0.0) -> torch.Tensor:
    stream = generator(0, "points")
    component = torch.randint(len(mixture.means_KA), (count,), generator=stream)
    noise = torch.randn((count, mixture.axes), generator=stream)
    return mixture.means_KA[component] + mixture.std * noise + shift


@pytest.mark.parametrize("mixture", [LINE, PLANE])
def test_masses_sum_to_1_and_counting_finds_them(mixture: quadrature.Mixture):
    exact = quadrature.exact_mass(mixture)
    counted = quadrature.counted_mass(drawn(mixture, 100_000))
    assert exact.sum().item() == pytest.approx(1)
    assert counted.sum().item() == pytest.approx(1)
    assert (exact - counted).abs().max() < 3e-3
    centres, inside = quadrature.centres(mixture.axes), exact[:-1]
    mean = (inside[:, None] * centres).sum(dim=0)
    torch.testing.assert_close(mean, mixture.means_KA.double().mean(dim=0), atol=1e-3, rtol=0)


def test_c_is_minus_log_4_where_the_densities_agree_and_0_where_they_never_meet():
    data = quadrature.exact_mass(LINE)
    assert quadrature.c_of_g(data, data) == pytest.approx(-math.log(4))
    elsewhere = quadrature.counted_mass(torch.full((10, 1), 0.99))
    assert quadrature.c_of_g(data, elsewhere) == pytest.approx(0, abs=1e-6)


def test_c_of_two_gaussians_agrees_with_an_integral():
    """JSD of N(-0.3, 0.09^2) and N(-0.1, 0.09^2) by a fine sum over the densities."""
    one, two = (quadrature.Mixture(torch.tensor([[m]]), 0.09) for m in (-0.3, -0.1))
    x = torch.linspace(-1.25, 1.25, 200_001, dtype=torch.float64)
    p, q = (
        torch.exp(-((x - m) ** 2) / (2 * 0.09**2)) / (0.09 * math.sqrt(2 * math.pi))
        for m in (-0.3, -0.1)
    )
    integrand = torch.xlogy(p, p / (p + q)).nan_to_num() + torch.xlogy(q, q / (p + q)).nan_to_num()
    expected = torch.trapezoid(integrand, x).item()
    found = quadrature.c_of_g(quadrature.exact_mass(one), quadrature.exact_mass(two))
    assert found == pytest.approx(expected, abs=2e-4)


def test_the_optimal_d_reaches_c_and_no_other_does():
    """Proposition 1: V(D*, G) = C(G) is the maximum over D."""
    data, model = (
        quadrature.exact_mass(LINE),
        quadrature.counted_mass(drawn(LINE, 50_000, shift=0.05)),
    )
    best = quadrature.optimum(data, model)[:-1]
    found = quadrature.against_the_optimum(data, model, best)
    assert found["value"] == pytest.approx(found["c"], abs=1e-6)
    assert found["d_to_optimum"] == 0
    for other in (best.clamp(0.1, 0.6), torch.full_like(best, 0.5)):
        worse = quadrature.against_the_optimum(data, model, other)
        assert worse["value"] < found["value"]
        assert worse["d_to_optimum"] > 0
    half = quadrature.against_the_optimum(data, model, torch.full_like(best, 0.5))
    assert half["value"] == pytest.approx(-math.log(4), abs=1e-6)
    assert half["d_to_half"] == 0


def test_the_value_of_a_d_that_is_sure_is_a_number():
    """In single precision 1 - sigmoid(20) is 0, in double precision 1 - sigmoid(40)."""
    data = quadrature.exact_mass(LINE)
    D = torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(1, 1), torch.nn.Flatten(0))
    for logit, expected in ((20.0, -20.0), (-20.0, -20.0), (5_000.0, -36.7)):
        with torch.no_grad():
            for parameter, value in zip(D[1].parameters(), (0.0, logit), strict=True):
                parameter.fill_(value)
        found = quadrature.against_the_optimum(data, data, d_at_centres(D, LINE))
        assert found["value"] == pytest.approx(expected, abs=0.05)


def test_points_outside_the_box_are_counted_against_g():
    outside = quadrature.counted_mass(torch.tensor([[0.0], [7.0], [-7.0], [math.pi]]))
    assert outside[-1] == 0.75


def test_held_out_images_bound_the_divergence():
    fair = quadrature.bound(torch.zeros(9), torch.zeros(9))
    assert fair == {"value": pytest.approx(-math.log(4)), "jsd_at_least": 0.0}
    sure = quadrature.bound(torch.full((9,), 50.0), torch.full((9,), -50.0))
    assert sure["jsd_at_least"] == pytest.approx(math.log(2))
