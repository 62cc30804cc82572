"""Baselines: k-means against scikit-learn's, independent pixels in closed form, images as they were."""

import math
import warnings

import pytest
import torch
from sklearn.cluster import KMeans

from pipeline.compute.streams import generator
from pipeline.config.models.baseline.train import Train
from pipeline.models.baseline import k_means
from pipeline.models.baseline.saved import Saved
from pipeline.models.baseline.training import Training
from pipeline.models.rbm.enumeration import all_states
from tests.models.small_training import CPU, drawn, goes_on_in_the_same_bits, played, saved_of


def images(count: int = 200) -> torch.Tensor:
    return torch.rand(count, 1, 3, 3, generator=generator(0, "images")) * 2 - 1


def settings(name: str, **more) -> Train:
    return Train.model_validate({"baseline": {"name": name, **more}})


def saved(train: Train) -> Saved:
    return saved_of(Saved, played(Training, train, images()))


def test_k_means_takes_the_steps_of_scikit_learn():
    points_ND, steps = images(300).flatten(1), 4
    own_KD = points_ND[:10]
    for _ in range(steps):
        own_KD, distance = k_means.step(points_ND, own_KD)
    theirs = KMeans(
        10, init=points_ND[:10].numpy(), n_init=1, max_iter=steps, tol=0, algorithm="lloyd"
    )
    with warnings.catch_warnings(action="ignore"):  # that it did not converge
        theirs.fit(points_ND.numpy())
    torch.testing.assert_close(own_KD, torch.from_numpy(theirs.cluster_centers_))
    _, after = k_means.step(points_ND, own_KD)
    assert after < distance
    assert after == pytest.approx(theirs.inertia_ / 300, rel=1e-5)


def test_a_centroid_that_nothing_is_near_to_stays():
    points_ND = torch.tensor([[0.0], [2.0]])
    moved_KD, distance = k_means.step(points_ND, torch.tensor([[0.5], [99.0]]))
    assert moved_KD.tolist() == [[1.0], [99.0]]
    assert distance == pytest.approx((0.25 + 2.25) / 2)


def test_a_halted_training_ends_in_the_same_bits_and_another_seed_in_others():
    goes_on_in_the_same_bits(Training, settings("k_means", centroids=20, steps=19), images())


def test_training_images_are_drawn_each_once_before_any_twice():
    model = saved(settings("images", count=50))
    shown, bits = drawn(model, 80)
    known = {tuple(image.tolist()) for image in images().flatten(1)}
    rows = [tuple(image.tolist()) for image in shown.flatten(1)]
    assert set(rows) <= known
    assert len(set(rows[:50])) == 50 and len(set(rows[50:])) == 30
    assert set(bits.flatten().tolist()) == {-1.0, 1.0}
    assert (bits * shown).mean() > 0.2, "a bit is more often what its pixel is nearer to"
    assert model.likelihood("raw") is None


def test_the_likelihood_of_independent_pixels_is_a_sum_over_them():
    found = saved(settings("pixels")).likelihood("raw")
    assert found is not None and found.kind == "exact"
    every = all_states(9).float().view(-1, 1, 3, 3) * 2 - 1
    log_p = found.of(every, "test")
    assert log_p.exp().sum().item() == pytest.approx(1)
    grey = (images() + 1) / 2
    share = (grey.sum(0).flatten() + 1) / 202
    assert log_p[0].item() == pytest.approx(torch.log1p(-share.double()).sum().item(), rel=1e-5)


def test_no_pixel_is_certain_where_all_images_agree():
    black = torch.full((98, 1, 2, 2), -1.0)
    training = Training(settings("pixels"), 0, black, CPU)
    training.advance()
    assert torch.allclose((training.kept_KCHW + 1) / 2, torch.tensor(0.01))
    assert math.isfinite(training.measure(training.advance())["loss"])


@pytest.mark.parametrize("train", [settings("pixels"), settings("images", count=30)], ids=str)
def test_a_walk_has_rows_of_ten(train):
    assert saved(train).walk("raw", images(6)).images_RSCHW.shape == (4, 10, 1, 3, 3)


@pytest.mark.parametrize(
    ("train", "expected"),
    [
        (settings("images", count=201), "baseline.count is 201, but there are 200"),
        (settings("k_means", centroids=200), "baseline.centroids is 200, but there are 200"),
    ],
)
def test_more_than_there_is_cannot_be_kept(train, expected):
    with pytest.raises(ValueError, match=expected):
        train.check_images((1, 3, 3), True, 200)


def test_steps_are_of_k_means_only():
    with pytest.raises(ValueError, match="steps"):
        settings("images", steps=3)
