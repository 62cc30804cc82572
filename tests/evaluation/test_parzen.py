import math

import numpy as np
import pytest
import torch
from scipy.special import logsumexp

from pipeline.compute.streams import generator
from pipeline.config.parzen import Parzen, SigmaGrid
from pipeline.evaluation import parzen
from pipeline.evaluation.real_data import chosen_rows
from pipeline.evaluation.real_data import to_unit as unit
from pipeline.io.arrays import Rows
from pipeline.stages.parzen import Pixels, evaluate

SIGMAS = SigmaGrid().sigmas()


def random_pixels(count: int, dims: int, name: str) -> torch.Tensor:
    return torch.rand(count, dims, generator=generator(0, name), dtype=torch.float64)


def brute_force(points, samples, sigma):
    """log p(x) from differences, float64, with SciPy's sum."""
    distances = (points[:, None] - samples[None]).square().sum(dim=2).numpy()
    dims = points.shape[1]
    exponents = -distances / (2 * sigma**2)
    constant = math.log(len(samples)) + dims * math.log(sigma * math.sqrt(2 * math.pi))
    return torch.from_numpy(logsumexp(exponents, axis=1)) - constant


def test_the_default_grid_is_the_authors():
    published = [0.1, 0.1292, 0.1668, 0.2154, 0.2783, 0.3594, 0.4642, 0.5995, 0.7743, 1.0]
    assert pytest.approx(published, abs=5e-5) == SIGMAS


def test_one_sample_at_x_gives_the_gaussians_peak():
    x = random_pixels(1, 784, "x")
    for sigma in (0.01, 0.2, 1.0):
        found = parzen.log_density(x, x, [sigma]).item()
        assert found == pytest.approx(-784 * math.log(sigma * math.sqrt(2 * math.pi)), abs=1e-8)


@pytest.mark.parametrize(("dtype", "tolerance"), [(torch.float64, 1e-9), (torch.float32, 1e-3)])
def test_it_agrees_with_brute_force_for_every_sigma(dtype, tolerance):
    points, samples = random_pixels(40, 784, "points"), random_pixels(60, 784, "samples")
    found = parzen.log_density(points.to(dtype), samples.to(dtype), [0.1668, 0.2154, 1.0])
    for row, sigma in zip(found, [0.1668, 0.2154, 1.0], strict=True):
        expected = brute_force(points.to(dtype).double(), samples.to(dtype).double(), sigma)
        torch.testing.assert_close(row, expected, atol=tolerance, rtol=0)


def test_blocks_do_not_change_the_result(monkeypatch: pytest.MonkeyPatch):
    points, samples = random_pixels(25, 50, "points"), random_pixels(70, 50, "samples")
    whole = parzen.log_density(points, samples, SIGMAS)
    monkeypatch.setattr(parzen, "POINTS_BLOCK", 4)
    monkeypatch.setattr(parzen, "SAMPLES_BLOCK", 9)
    torch.testing.assert_close(
        parzen.log_density(points, samples, SIGMAS), whole, atol=1e-9, rtol=0
    )


@pytest.mark.parametrize("mostly", [-1.0, 2.0])
def test_skipping_negligible_tiles_does_not_change_the_result(monkeypatch, mostly):
    """Two clusters far apart: at a small sigma only one counts. All tiles, or only those that count."""
    samples = torch.cat([random_pixels(150, 50, "near"), random_pixels(150, 50, "far") + 9])
    points = random_pixels(20, 50, "points")
    monkeypatch.setattr(parzen, "MOSTLY", mostly)
    found = parzen.log_density(points, samples, [0.1, 0.5, 5.0])
    for row, sigma in zip(found, [0.1, 0.5, 5.0], strict=True):
        expected = brute_force(points, samples, sigma)
        torch.testing.assert_close(row, expected, atol=1e-9, rtol=0)


def test_doubling_the_pixel_range_costs_log_2_for_every_pixel():
    """The same images and window in [-1, 1]: lower by 784 log 2 = 543.4 nats, exactly."""
    points, samples = random_pixels(20, 784, "points"), random_pixels(30, 784, "samples")
    one = parzen.log_density(points, samples, [0.2])
    two = parzen.log_density(points * 2 - 1, samples * 2 - 1, [0.4])
    torch.testing.assert_close(
        one - two, torch.full_like(one, 784 * math.log(2)), atol=1e-8, rtol=0
    )


def test_far_away_points_do_not_underflow():
    assert (
        parzen.log_density(torch.full((1, 10), 50.0), torch.zeros(3, 10), [0.01]).isfinite().all()
    )


def test_sigma_is_chosen_on_the_validation_points():
    samples, valid = random_pixels(200, 5, "samples"), random_pixels(100, 5, "valid")
    result = parzen.estimate(samples, valid, random_pixels(50, 5, "test"), SIGMAS)
    best = max(SIGMAS, key=lambda s: brute_force(valid, samples, s).mean().item())
    assert result.sigma == best


def test_the_standard_error_is_over_test_points():
    samples, valid, test = (
        random_pixels(n, 5, name) for n, name in ((99, "a"), (50, "b"), (40, "c"))
    )
    result = parzen.estimate(samples, valid, test, [0.2])
    scores = brute_force(test, samples, 0.2)
    assert result.mean == pytest.approx(scores.mean().item())
    assert result.standard_error == pytest.approx(scores.std(correction=0).item() / math.sqrt(40))


def test_ten_thousand_real_images_score_243_6(mnist):
    """The anchor of the whole protocol: training images in the place of samples.

    Exactly 243.56 +- 2.09 for these 10,000; other choices lie about 1.2 nats around 242.7.
    """
    pixels = torch.from_numpy(mnist.images).flatten(1).float() / 255
    result = parzen.estimate(
        pixels[chosen_rows(50_000, 10_000)], pixels[50_000:51_000], pixels[60_000:], SIGMAS
    )
    assert result.sigma == pytest.approx(0.1668, abs=1e-4)
    assert result.mean == pytest.approx(243.56, abs=0.01)
    assert result.standard_error == pytest.approx(2.09, abs=0.01)


def pixels(samples: torch.Tensor) -> Pixels:
    return Pixels(samples.numpy(), 0.0, 1.0)


def test_doubtful_results_say_so():
    samples = torch.full((50, 4), 0.5, dtype=torch.float64)
    real = random_pixels(50, 4, "real")
    result = evaluate(Parzen(), pixels(samples), real, samples, real)
    text = "\n".join(result["warnings"])
    assert "50 samples; published numbers use 10,000" in text
    assert "lies above the real-data line" in text
    assert "all samples are the same" in text
    assert "larger number" not in text
    few = evaluate(Parzen(), pixels(samples), real, samples, real[:20])
    assert "a larger number of them (50 of 20 images)" in "\n".join(few["warnings"])
    narrow = Parzen(sigma_grid=SigmaGrid(log10_start=-3, log10_stop=-2, points=3))
    assert "on the grid's edge" in evaluate(narrow, pixels(real), real, real, real)["warnings"][0]
    wide = evaluate(Parzen(), pixels(real * 2 - 1), real, real, real[:0])
    assert "samples span -" in wide["warnings"][-1]


def test_fine_finds_a_better_sigma_than_the_grid_and_uses_all_samples():
    samples, valid, test = (
        random_pixels(n, 6, name) for n, name in ((400, "a"), (200, "b"), (100, "c"))
    )
    result = evaluate(Parzen(samples=300), pixels(samples), valid, test, samples[:0])
    assert (result["n_samples"], result["fine"]["n_samples"]) == (300, 400)
    again = evaluate(Parzen(samples=None), pixels(samples), valid, test, samples[:0])
    coarse = max(row["log_likelihood"] for row in again["validation"])
    assert max(row["log_likelihood"] for row in again["fine"]["validation"]) > coarse
    assert again["fine"]["sigma"] not in again["sigma_grid"]
    best = parzen.log_density(test, samples, [again["fine"]["sigma"]]).mean().item()
    assert again["fine"]["mean"] == pytest.approx(best, abs=1e-3)


def test_fine_says_when_its_best_sigma_is_on_the_edge_of_the_search():
    """Training points in the place of test points: the narrower the window, the better."""
    points = random_pixels(60, 6, "points")
    grid = SigmaGrid(log10_start=-2, log10_stop=-1, points=4)
    warnings = evaluate(Parzen(sigma_grid=grid), pixels(points), points, points, points[:0])
    edge = [text for text in warnings["warnings"] if "`fine`" in text]
    narrowest = grid.around(0.01)[0]
    assert len(edge) == 1
    assert f"the best sigma of `fine`, {narrowest:.4g}, is on the edge" in edge[0]
    held_out = random_pixels(60, 6, "held out")
    calm = evaluate(Parzen(), pixels(points), held_out, held_out, points[:0])
    assert not any("`fine`" in text for text in calm["warnings"])


def test_samples_are_read_in_parts(tmp_path):
    """Whatever their number, never more than a block of them is in memory."""
    np.save(tmp_path / "samples.npy", np.arange(1000, dtype=np.uint8).reshape(250, 1, 2, 2))
    in_file = Pixels(Rows(tmp_path / "samples.npy"), 0.0, 255.0)
    parts = list(in_file.split(100))
    assert [len(part) for part in parts] == [100, 100, 50]
    assert [len(part) for part in in_file.first(130).split(100)] == [100, 30]
    torch.testing.assert_close(torch.cat(parts), in_file.tensor())
    assert in_file.tensor().dtype == torch.float64
    assert in_file.tensor()[0].tolist() == [0.0, 1 / 255, 2 / 255, 3 / 255]
    assert in_file.extent() == (0, 255)
    assert in_file.first(50).extent() == (0, 199)


def test_parts_of_an_array_score_as_the_whole_does(tmp_path):
    samples = random_pixels(5_000, 6, "samples")
    valid, test = (random_pixels(n, 6, name) for n, name in ((90, "valid"), (40, "test")))
    cuts = [samples[:2_100], samples[2_100:2_101], samples[2_101:]]
    paths = [tmp_path / f"{number}.npy" for number in range(len(cuts))]
    for path, part in zip(paths, cuts, strict=True):
        np.save(path, part.numpy())
    in_parts = evaluate(Parzen(), Pixels(Rows(*paths), 0.0, 1.0), valid, test, samples[:50])
    assert in_parts == evaluate(Parzen(), pixels(samples), valid, test, samples[:50])


def test_images_are_scored_in_0_to_1():
    images = torch.tensor([[[[-1.0, 0.0, 1.0]]]])
    assert unit(images).tolist() == [[0.0, 0.5, 1.0]]
