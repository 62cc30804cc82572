"""Each measure against a closed form."""

import math

import pytest
import torch
from torch import nn

from pipeline.claims import game, gradients, likelihoods, pictures
from pipeline.claims.mixing import autocorrelation, change_rate, classes_met, steps_to_independence
from pipeline.claims.sharpness import fine_energy
from pipeline.compute.streams import generator
from pipeline.evaluation import extractors


def chain(switch: float, steps: int = 20_000, classes: int = 2) -> torch.Tensor:
    """Leaves its class with probability `switch` at each step, for any of the others."""
    stream = generator(0, f"chain {switch}")
    moves = torch.rand(steps, generator=stream) < switch
    to = torch.randint(1, classes, (steps,), generator=stream)
    return (moves * to).cumsum(0) % classes


@pytest.mark.parametrize("switch", [0.02, 0.1, 0.3])
def test_a_chain_of_two_classes_forgets_as_its_second_eigenvalue_says(switch: float):
    labels = chain(switch)
    eigenvalue = 1 - 2 * switch
    for lag in (1, 3, 8):
        assert autocorrelation(labels, lag) == pytest.approx(eigenvalue**lag, abs=0.06)
    expected = math.ceil(-1 / math.log(eigenvalue))
    assert steps_to_independence(labels) == pytest.approx(expected, rel=0.2)
    assert change_rate(labels[:, None]) == pytest.approx(switch, rel=0.1)


def test_independent_classes_have_no_memory_and_a_stuck_chain_never_forgets():
    independent = torch.randint(0, 10, (10_000,), generator=generator(0, "classes"))
    assert steps_to_independence(independent) == 1
    assert classes_met(independent, 1_000) == 10
    # 10 (1 - 0.9^100) classes among 100
    assert classes_met(independent, 100) == pytest.approx(10, abs=0.05)
    stuck = torch.full((1_000,), 3)
    assert steps_to_independence(stuck) is None
    assert classes_met(stuck, 100) == 1


def waves(cycles: int, amplitude: float = 0.6) -> torch.Tensor:
    """[1, 1, 32, 32], so many waves from left to right."""
    x = torch.arange(32) / 32
    return (amplitude * torch.sin(2 * math.pi * cycles * x)).expand(1, 1, 32, 32)


@pytest.mark.parametrize(("cycles", "expected"), [(3, 0.0), (8, 0.0), (9, 0.18), (12, 0.18)])
def test_a_sine_is_fine_detail_above_a_quarter_of_a_cycle_per_pixel(cycles: int, expected: float):
    assert fine_energy(waves(cycles)) == pytest.approx(expected, abs=1e-6)


def test_white_noise_has_its_variance_as_far_as_frequencies_are_fine_and_blurred_noise_less():
    noise = torch.randn(400, 1, 32, 32, generator=generator(0, "noise"))
    rows = torch.fft.fftfreq(32)
    share = (torch.hypot(rows[:, None], rows[None]) > 0.25).double().mean().item()
    assert fine_energy(noise) == pytest.approx(share, rel=0.02)
    blurred = sum(noise.roll((i, j), (2, 3)) for i in range(3) for j in range(3)) / 9
    assert fine_energy(blurred) < 0.1 * fine_energy(noise)


def test_ranks_not_values_are_correlated():
    assert likelihoods.rank_correlation([1, 2, 3, 4], [1, 10, 100, 1e6]) == pytest.approx(1)
    assert likelihoods.rank_correlation([1, 2, 3, 4], [4, 3, 2, 1]) == pytest.approx(-1)
    # 1 - 6 sum d^2 / (n (n^2 - 1)), with d = 1, -1, 0, 0
    assert likelihoods.rank_correlation([1, 2, 3, 4], [2, 1, 3, 4]) == pytest.approx(0.8)


def test_the_gradient_under_noise_is_that_of_the_blurred_function():
    """E sin(x + noise) = sin(x) exp(-sigma^2 / 2), so its gradient goes to cos(x) as sigma goes to 0."""
    x = torch.tensor([[[[0.3, 1.0]]]])
    for sigma in (1.0, 0.1, 0.0):
        found = gradients.gradient_of_blurred(
            lambda y: y.sin().flatten(1).sum(dim=1), x, sigma, generator(0, "identity")
        )
        expected = x.cos() * math.exp(-(sigma**2) / 2)
        torch.testing.assert_close(found, expected, atol=0.03, rtol=0)


def test_no_gradient_passes_through_levels_though_the_expectation_has_one():
    """A bit b with P(b = 1) = s(a): d E[(b - 1)^2] / da = -s(a) (1 - s(a)), by counting both states; what flows back
    through a drawn bit is 0."""
    a = torch.tensor([0.4], requires_grad=True)
    coin = torch.rand(1, generator=generator(0, "bit"))

    def soft() -> torch.Tensor:
        return torch.sigmoid(a) - coin

    chance = torch.sigmoid(a).item()
    expected = torch.sigmoid(a) * (1 - 1) ** 2 + (1 - torch.sigmoid(a)) * (0 - 1) ** 2
    assert gradients.norm_of_gradient(expected.sum(), [a]) == pytest.approx(chance * (1 - chance))
    bit = (gradients.rounded(soft(), 1) + 1) / 2
    assert bit.item() in (0.0, 1.0)
    assert gradients.norm_of_gradient((bit - 1).square().sum(), [a]) == 0
    assert gradients.norm_of_gradient((soft() - 1).square().sum(), [a]) > 0


def test_grey_levels_are_evenly_spaced_and_keep_their_ends():
    found = gradients.rounded(torch.linspace(-1, 1, 1_001), 4)
    assert found.unique().tolist() == [-1, -0.5, 0, 0.5, 1]


@pytest.mark.parametrize(
    ("test", "generated", "expected"),
    [([0, 0, 0, 1], [1, 0, 0, 0], 1.0), ([0, 1, 0, 0], [0, 0, 1, 0], 0.0), ([0.5, 0, 0, 0.5], [0, 0.5, 0.5, 0], 0.5)],
)  # fmt: skip
def test_the_accuracy_of_d_is_that_of_a_threshold_at_one_half(test, generated, expected: float):
    found = game.accuracy({"test": test, "generated": generated, "train": test})
    assert found == pytest.approx(expected)


def test_the_fast_gradient_moves_each_pixel_against_its_weight():
    """For a linear classifier with two classes the loss rises along w_other - w_label."""
    net = extractors.Classifier((1, 4, 4), 2)
    weights = torch.linspace(-1, 1, 16).view(1, 4, 4)

    class Linear(nn.Module):
        def forward(self, x):
            score = (x * weights).flatten(1).sum(dim=1)
            return x, torch.stack([score, -score], dim=1)

    x, y = torch.zeros(1, 1, 4, 4), torch.tensor([0])
    moved = pictures.fast_gradient(Linear(), x, y, 0.1)  # type: ignore[arg-type]
    torch.testing.assert_close(moved[0], -0.2 * weights.sign())
    assert pictures.fast_gradient(net, x, y, 0.7).abs().max() <= 1
