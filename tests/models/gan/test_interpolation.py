"""Paths through the noise: where they begin and end, and that great circles keep a Gaussian's norm."""

import math

import pytest
import torch

from pipeline.compute.streams import generator
from pipeline.config.models.gan.train import Noise
from pipeline.models.gan import interpolation

ALONG = torch.linspace(0, 1, 11)
A, B = torch.randn(2, 50, generator=generator(0, "ends"))


@pytest.mark.parametrize("kind", interpolation.PATHS)
def test_a_path_goes_from_a_to_b(kind: str):
    found = interpolation.PATHS[kind](A, B, ALONG)
    assert found.shape == (11, 50)
    torch.testing.assert_close(found[[0, -1]], torch.stack([A, B]))


def test_a_line_passes_the_mean_in_the_middle_in_equal_steps():
    found = interpolation.line(A, B, ALONG)
    torch.testing.assert_close(found[5], (A + B) / 2)
    torch.testing.assert_close(found.diff(dim=0), ((B - A) / 10).expand(10, -1))


def test_a_great_circle_keeps_the_norm_and_turns_by_equal_angles():
    a, b = (x / x.norm() * 7 for x in (A, B))
    found = interpolation.great_circle(a, b, ALONG)
    torch.testing.assert_close(found.norm(dim=1), torch.full((11,), 7.0))
    cosines = torch.nn.functional.cosine_similarity(found[1:], found[:-1])
    angle = math.acos(torch.nn.functional.cosine_similarity(a, b, dim=0).item()) / 10
    torch.testing.assert_close(cosines, torch.full((10,), math.cos(angle)))
    middle = (a + b) / (a + b).norm() * 7
    torch.testing.assert_close(found[5], middle)
    assert interpolation.line(a, b, ALONG)[5].norm() < 0.9 * 7, "which a line does not"


def test_ends_of_different_norms_go_over_in_the_weights_of_slerp():
    """sin((1 - t) w) / sin w of a and sin(t w) / sin w of b (Shoemake 1985): w = 90 degrees here."""
    a, b = torch.tensor([2.0, 0.0]), torch.tensor([0.0, 1.0])
    found = interpolation.great_circle(a, b, torch.tensor([1 / 3]))
    torch.testing.assert_close(found[0], torch.tensor([2 * math.cos(math.pi / 6), 0.5]))


@pytest.mark.parametrize("b", [A * (1 + 1e-7), A * 2, -A])
def test_where_a_and_b_point_the_same_or_the_opposite_way_it_is_the_line(b: torch.Tensor):
    found = interpolation.great_circle(A, b, ALONG)
    assert found.isfinite().all()
    torch.testing.assert_close(found, interpolation.line(A, b, ALONG))


@pytest.mark.parametrize(
    ("prior", "asked_for", "expected"),
    [
        ("uniform", "auto", "line"),
        ("gaussian", "auto", "great_circle"),
        ("sphere", "auto", "great_circle"),
        ("gaussian", "line", "line"),
        ("uniform", "great_circle", "great_circle"),
    ],
)
def test_the_path_suits_the_prior_unless_one_is_asked_for(prior, asked_for, expected):
    assert interpolation.path_of(prior, asked_for) == expected


def test_the_axis_of_figure_1_is_all_of_a_prior_in_one_dimension():
    """Equal shares of it, from its left to its right end."""
    flat, words = interpolation.across(Noise(prior="uniform", dim=1), 4, generator(0, "z"))
    torch.testing.assert_close(flat[:, 0] / 3**0.5, torch.tensor([-0.75, -0.25, 0.25, 0.75]))
    assert words == "z, uniform"
    normal, words = interpolation.across(Noise(prior="gaussian", dim=1), 4, generator(0, "z"))
    shares = torch.special.ndtr(normal[:, 0])
    torch.testing.assert_close(shares, torch.tensor([0.125, 0.375, 0.625, 0.875]))
    assert words == "z, equal shares of N(0, 1)"


def test_the_axis_of_figure_1_is_one_path_through_a_prior_of_more_dimensions():
    prior = Noise(prior="gaussian", dim=4)
    found, words = interpolation.across(prior, 5, generator(0, "z"))
    ends = torch.randn(2, 4, generator=generator(0, "z"))
    torch.testing.assert_close(found, interpolation.great_circle(*ends, torch.linspace(0, 1, 5)))
    assert words == "z, a great circle through 4 dimensions"
