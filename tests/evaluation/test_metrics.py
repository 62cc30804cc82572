"""Conventions of the metrics, and their agreement with other people's implementations."""

import contextlib
import io
import math

import numpy as np
import pytest
import scipy.linalg
import torch
from prdc import compute_prdc
from torch_fidelity.metric_prc import prc_features_to_metric

from pipeline.compute.streams import generator
from pipeline.evaluation import metrics, neighbours
from pipeline.evaluation.metrics import Seen

FEATURES = 8


def gaussian(count: int, name: str, mean: float = 0.0, std: float = 1.0) -> torch.Tensor:
    drawn = torch.randn(count, FEATURES, generator=generator(0, name), dtype=torch.float64)
    return mean + std * drawn


def seen(features: torch.Tensor) -> Seen:
    return Seen(features, features[:, :5] * 3)


@pytest.fixture(scope="module")
def fake() -> Seen:
    return seen(gaussian(700, "fake", 0.3, 1.2))


@pytest.fixture(scope="module")
def real() -> Seen:
    return seen(gaussian(700, "real"))


def test_fid_agrees_with_the_matrix_square_root(fake: Seen, real: Seen):
    (mean_1, cov_1), (mean_2, cov_2) = (
        (x.mean(axis=0), np.cov(x, rowvar=False))
        for x in (fake.features_NF.numpy(), real.features_NF.numpy())
    )
    root = scipy.linalg.sqrtm(cov_1 @ cov_2)
    expected = ((mean_1 - mean_2) ** 2).sum() + np.trace(cov_1 + cov_2 - 2 * root.real)
    assert metrics.distances(fake, real, 0)["fid"] == pytest.approx(expected, rel=1e-9)


def test_fid_of_two_gaussians_is_the_closed_form():
    """|m1 - m2|^2 + F (s1 - s2)^2, up to the noise of 20,000 points."""
    one, two = seen(gaussian(20_000, "one", 0.5, 2.0)), seen(gaussian(20_000, "two"))
    expected = FEATURES * (0.5**2 + 1.0**2)
    assert metrics.distances(one, two, 0)["fid"] == pytest.approx(expected, rel=0.03)


def test_kid_agrees_with_sums_over_pairs(fake: Seen, real: Seen):
    """All points in every subset: each subset gives the unbiased MMD^2 of the kernel (xy/F + 1)^3."""
    x, y = fake.features_NF[:300], real.features_NF[:300]
    between = {
        key: (a @ b.T / FEATURES + 1) ** 3
        for key, (a, b) in {"xx": (x, x), "yy": (y, y), "xy": (x, y)}.items()
    }
    without_diagonal = ~torch.eye(300, dtype=torch.bool)
    expected = sum(between[k][without_diagonal].mean() for k in ("xx", "yy"))
    expected = expected - 2 * between["xy"].mean()
    found = metrics.distances(seen(x), seen(y), 0)
    assert found["kid"] == pytest.approx(expected.item(), rel=1e-9)
    assert found["kid_std"] == pytest.approx(0, abs=1e-12)


def test_the_inception_score_agrees_with_its_definition(fake: Seen):
    """exp(H(mean p) - mean H(p)), in NumPy."""
    logits = fake.logits_NK.numpy()
    p = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    mean = p.mean(axis=0)
    expected = math.exp(-(mean * np.log(mean)).sum() + (p * np.log(p)).sum(axis=1).mean())
    assert metrics.inception_score(fake, 0) == pytest.approx(expected, rel=1e-9)


def test_precision_recall_density_and_coverage_agree_with_prdc(fake: Seen, real: Seen):
    found = metrics.manifolds(fake, real)
    with contextlib.redirect_stdout(io.StringIO()):
        expected = compute_prdc(
            real.features_NF.numpy(), fake.features_NF.numpy(), metrics.NEIGHBOURS
        )
    for key in ("precision", "recall", "density", "coverage"):
        assert found[key] == pytest.approx(expected[key], abs=1e-6), key


def test_precision_and_recall_agree_with_torch_fidelity(fake: Seen, real: Seen):
    found = metrics.manifolds(fake, real)
    expected = prc_features_to_metric(
        fake.features_NF,
        real.features_NF,
        prc_neighborhood=metrics.NEIGHBOURS,
        prc_batch_size=500,
        save_cpu_ram=True,
        verbose=False,
    )
    for key in ("precision", "recall"):
        assert found[key] == pytest.approx(expected[key], abs=1e-6), key


def test_blocks_do_not_change_the_result(fake: Seen, real: Seen, monkeypatch: pytest.MonkeyPatch):
    whole = metrics.manifolds(fake, real)
    alone = neighbours.nearest(fake.features_NF, fake.features_NF, without_itself=True)
    monkeypatch.setattr(neighbours, "BLOCK", 37)
    monkeypatch.setattr(neighbours, "WIDTH", 53)
    assert metrics.manifolds(fake, real) == pytest.approx(whole)
    in_blocks = neighbours.nearest(fake.features_NF, fake.features_NF, without_itself=True)
    torch.testing.assert_close(in_blocks, alone)


def test_a_collapsed_generator_has_precision_near_1_and_recall_near_0(real: Seen):
    """All samples around one real mode: realistic, and almost nothing of the variety."""
    collapsed = seen(gaussian(700, "collapsed", 0.0, 0.02))
    found = metrics.manifolds(collapsed, real)
    assert found["precision"] > 0.99
    assert found["recall"] < 0.01
    assert found["coverage"] < 0.3


def test_swapping_the_sides_swaps_precision_and_recall(fake: Seen, real: Seen):
    one, other = metrics.manifolds(fake, real), metrics.manifolds(real, fake)
    assert one["precision"] == other["recall"] != one["recall"]
    assert one["recall"] == other["precision"]
    assert one["density"] != other["density"]
    forth, back = metrics.distances(fake, real, 0), metrics.distances(real, fake, 0)
    assert forth["fid"] == pytest.approx(back["fid"], rel=1e-6)


def test_real_against_real_is_the_floor(fake: Seen, real: Seen):
    again = seen(gaussian(700, "real again"))
    floor, found = metrics.distances(again, real, 0), metrics.distances(fake, real, 0)
    assert floor["fid"] < found["fid"] / 5
    assert abs(floor["kid"]) < found["kid"] / 5
    alike = metrics.manifolds(again, real)
    assert min(alike["precision"], alike["recall"], alike["coverage"]) > 0.85
    assert alike["density"] == pytest.approx(1, abs=0.1)


def test_the_inception_score_runs_from_1_to_the_number_of_classes():
    sure = torch.eye(10, dtype=torch.float64).repeat(40, 1) * 100  # too few to be split
    assert metrics.inception_score(Seen(sure, sure), 0) == pytest.approx(10)
    one_class = sure[:1].repeat(400, 1)
    assert metrics.inception_score(Seen(one_class, one_class), 0) == pytest.approx(1)
    assert metrics.inception_score(Seen(sure, None), 0) is None


def test_the_inception_score_is_a_number_where_a_class_has_probability_0():
    """Points of a mixture whose components are hundreds of deviations apart: half as probable as 0 is 0."""
    apart = torch.full((40, 3), -5_000.0, dtype=torch.float64)
    apart[:20, 0] = apart[20:, 1] = 0
    assert metrics.inception_score(Seen(apart, apart), 0) == pytest.approx(2)


def test_missing_classes_are_counted():
    every = torch.eye(10, dtype=torch.float64).repeat(100, 1)
    half = every[every.argmax(dim=1) < 5]
    found = metrics.classes(Seen(half, half), Seen(every, every))
    assert (found["classes_hit"], found["classes_missing"]) == (5, 5)
    assert found["class_distance"] == pytest.approx(0.5)
    assert metrics.classes(Seen(every, every), Seen(every, every))["class_distance"] == 0
    found = metrics.classes(Seen(half, half), Seen(half, half))
    assert (found["classes_hit"], found["classes_missing"]) == (5, 0), "five are not in the data"


def test_duplicates_and_copies_are_a_hundredth_among_real_images_and_all_when_copied():
    real, more = gaussian(2_000, "images"), gaussian(2_000, "more images")
    usual = neighbours.nearest(real, real, without_itself=True)
    others = neighbours.nearest(more, more, without_itself=True)
    assert neighbours.share_below_the_rarest(others, usual) == pytest.approx(0.01, abs=0.01)
    twice = more[:1000].repeat(2, 1)
    repeated = neighbours.nearest(twice, twice, without_itself=True)
    assert neighbours.share_below_the_rarest(repeated, usual) == 1


@pytest.mark.parametrize("pixels", [2, 784])
def test_copies_are_seen_where_real_images_are_there_twice(pixels: int):
    """Beyond 1 % of them the distance that is rare is 0, of products of matrices once some rounding error."""
    train = torch.rand(400, pixels, generator=generator(0, "images"))
    test = torch.cat([train[:20], torch.rand(200, pixels, generator=generator(0, "test"))])
    usual = neighbours.nearest(test, train)
    assert neighbours.share_below_the_rarest(usual, usual) == pytest.approx(20 / 220)
    for copied, rate in ((train[100:200], 1), (train[100:200] + 1e-3, 0)):
        found = neighbours.nearest(copied, train)
        assert neighbours.share_below_the_rarest(found, usual) == rate
    one_image = train[:1].repeat(50, 1)
    apart = neighbours.nearest(one_image, one_image, without_itself=True)
    real_twice = neighbours.nearest(test.repeat(2, 1), test.repeat(2, 1), without_itself=True)
    assert neighbours.share_below_the_rarest(apart, real_twice) == 1


def test_few_coordinates_keep_small_distances():
    points = torch.linspace(0, 1, 2_001)[:, None]
    assert neighbours.nearest(points, points, without_itself=True) == pytest.approx(5e-4, rel=1e-3)
