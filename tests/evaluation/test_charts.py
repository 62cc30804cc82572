"""What the curves show, and that nothing of a figure is cut off."""

import numpy as np
import pytest
from matplotlib.colors import same_color
from matplotlib.figure import Figure

from pipeline.evaluation.plots import charts, figure, images, points, theory

LONG = "a_run_" + "of_a_sweep_" * 8 + "seed1, 100,000 steps: words that a title may have"
PARZEN = {
    "log_likelihood": {"mean": 200.0, "standard_error": 2.0},
    "sigma": 0.2,
    "validation": [
        {"sigma": 0.1 * 2**i, "log_likelihood": 200.0 - 300 * (i - 1) ** 2} for i in range(5)
    ],
    "fine": {
        "validation": [
            {"sigma": 0.2 * 2 ** (i / 10), "log_likelihood": 200.0 - 3 * i**2}
            for i in range(-10, 11)
        ]
    },
    "real_data": {"mean": 243.6, "standard_error": 2.1},
}


def log(count: int = 60) -> dict[str, np.ndarray]:
    random = np.random.RandomState(0)
    losses = {name: random.normal(1, 0.05, count) for name in ("d_loss", "g_loss")}
    means = {name: random.uniform(0.3, 0.7, count) for name in ("d_real", "d_fake")}
    norms = {f"{who}_gradient_norm": np.exp(random.normal(0, 0.3, count)) for who in "dg"}
    return {"step": np.arange(1, count + 1) * 50.0, **losses, **means, **norms}


def curves(rows: dict[str, np.ndarray]) -> Figure:
    return charts.training(rows, "diverging", "G's loss rose " * 20, 0.5, 1.386, False, LONG)


POINTS = np.random.RandomState(0).uniform(-1, 1, (50, 2))
PICTURES = np.zeros((20, 1, 4, 4), np.float32)
BOUND = {
    "d_histogram": {part: [0.5, 0.5] for part in ("train", "test", "generated")},
    "d_mean": {part: 0.5 for part in ("train", "test", "generated")},
}
FIGURES = {
    "curves": lambda: curves(log()),
    "curves of a critic": lambda: charts.training(
        log() | {"d_real": np.linspace(0, 40, 60)}, "healthy", "ok", None, 0.0, True, LONG
    ),
    "sigma": lambda: charts.sigma(PARZEN, 225.0, False, LONG),
    "neighbours": lambda: images.neighbours(PICTURES, PICTURES[:4], LONG),
    "strips": lambda: images.strips(PICTURES.reshape(2, 10, 1, 4, 4), ["a", "b"], LONG),
    "sheet": lambda: images.sheet(PICTURES, PICTURES, 8, LONG),
    "bound": lambda: theory.bound(BOUND, LONG),
    "critic": lambda: theory.critic(BOUND | {"edges": [-3.0, 0.0, 5.0]}, LONG),
    "components": lambda: points.components(POINTS, POINTS, POINTS[:8], 0.1, LONG),
    "components 1-D": lambda: points.components(
        POINTS[:, :1], POINTS[:, :1], POINTS[:2, :1], 0.1, LONG
    ),
    "paths": lambda: points.paths(POINTS.reshape(2, 25, 2), POINTS, ["a", "b"], LONG),
    "paths 1-D": lambda: points.paths(POINTS[None, :, :1], POINTS[:, :1], ["a"], LONG),
    "axis of noise": lambda: points.axis_of_noise(
        np.linspace(0.01, 0.99, 50), np.sort(POINTS[:, 0]), POINTS[:, :1], LONG
    ),
    "sheet of points": lambda: points.sheet(POINTS, POINTS, LONG),
    "sheet of points 1-D": lambda: points.sheet(POINTS[:, :1], POINTS[:, :1], LONG),
}


@pytest.mark.parametrize("drawn", FIGURES.values(), ids=FIGURES)
def test_no_title_or_label_is_cut_off(drawn):
    """Warnings are errors: a layout that does not fit is one, too."""
    found = drawn()
    found.draw_without_rendering()
    page = found.bbox.padded(1)
    words = [found._suptitle]  # Matplotlib has no public name for it
    for axes in found.get_axes():
        words += [axes.title, axes._right_title, axes.xaxis.label, axes.yaxis.label]
    for word in words:
        box = word.get_window_extent()
        assert not word.get_text() or (box.x0 >= page.x0 and box.x1 <= page.x1), word.get_text()
        assert not word.get_text() or (box.y0 >= page.y0 and box.y1 <= page.y1), word.get_text()


def test_a_spike_does_not_squeeze_the_panel_and_is_named():
    rows = log()
    rows["g_loss"][40], rows["d_gradient_norm"][3] = 153, 1e-9
    losses, _, norms = curves(rows).get_axes()
    low, high = losses.get_ylim()
    assert 0.5 < low < rows["d_loss"].min() and 1.386 < high < 2, "the reference line stays in view"
    assert losses.get_title(loc="right") == "largest: 153 at step 2,050"
    assert norms.get_ylim()[0] > 0.1
    marks = [line for line in losses.get_lines() if line.get_marker() == "^"]
    assert [line.get_xdata().tolist() for line in marks] == [[2050]]


def test_a_loss_that_falls_steadily_is_shown_whole():
    rows = log()
    rows["g_loss"] = 1 + 5 * np.exp(-rows["step"] / 1_000)
    losses = curves(rows).get_axes()[0]
    assert losses.get_ylim()[1] > rows["g_loss"].max()
    assert losses.get_title(loc="right") == ""


def test_every_curve_of_training_has_a_colour_of_its_own_but_the_players():
    """D is blue and G red in both panels of theirs; D(x) and D(G(z)) are neither."""
    losses, means, norms = curves(log()).get_axes()
    D, G = (line.get_color() for line in losses.get_lines()[:2])
    assert [line.get_color() for line in norms.get_lines()[:2]] == [D, G]
    real, fake = (line.get_color() for line in means.get_lines()[:2])
    others = [(real, D), (real, G), (fake, D), (fake, G), (real, fake)]
    assert not any(same_color(*pair) for pair in others)


def test_sigma_shows_the_peak_and_the_whole_grid_beside_it():
    peak, whole = charts.sigma(PARZEN, None, False, "a run").get_axes()
    low, high = peak.get_ylim()
    assert -150 < low < -100 and 243.6 < high < 300, "the grid falls to -2,500 nats"
    assert peak.get_xlim()[0] < 0.1 and 0.4 < peak.get_xlim()[1] < 0.8
    assert whole.get_ylim()[0] < -2_500
    assert peak.get_ylabel() == "mean log-likelihood (nats)"


def test_a_real_data_line_far_above_the_peak_is_named_and_does_not_flatten_it():
    far = PARZEN | {"real_data": {"mean": 9_000.0, "standard_error": 2.1}}
    peak, _ = charts.sigma(far, None, False, "a run").get_axes()
    assert peak.get_ylim()[1] < 300
    assert "real data: 9000.0, above" in peak.get_legend_handles_labels()[1]


def test_points_have_a_density():
    peak, _ = charts.sigma(PARZEN, None, True, "a run").get_axes()
    assert peak.get_ylabel() == "mean log-density (nats)"
    assert "coordinates" in peak.get_xlabel()


def test_the_nearest_component_and_the_distance_to_its_mean():
    means = np.array([[0.0, 0.0], [1.0, 0.0]])
    nearest, distance = points.nearest_mean(np.array([[0.1, 0.0], [1.0, 0.3], [0.6, 0.0]]), means)
    assert nearest.tolist() == [0, 1, 1]
    assert distance == pytest.approx([0.1, 0.3, 0.4])


@pytest.mark.parametrize("falls", [False, True])
def test_the_exact_map_of_a_noise_of_one_dimension_goes_from_quantile_to_quantile(falls: bool):
    real = np.random.RandomState(0).normal(0, 0.2, (4_000, 1))
    shares = np.linspace(0.05, 0.95, 19)
    exact = np.quantile(real, 1 - shares if falls else shares)
    axes = points.axis_of_noise(shares, exact * 0.9, real, "a run").get_axes()[0]
    drawn = {line.get_label(): line.get_ydata() for line in axes.get_lines()}
    assert drawn["the map that gives the data"] == pytest.approx(exact)


def test_a_pdf_has_the_same_bytes_each_time_and_letters_that_journals_take():
    once, again = (figure.pdf(FIGURES["sigma"]()) for _ in range(2))
    assert once == again and once.startswith(b"%PDF")
    assert b"/Type3" not in once and b"/CreationDate" not in once


def test_a_figures_layout_has_six_decimals():
    """Constrained layout adds in an order that depends on addresses in memory: positions differed by 1e-16,
    which moved lines of every second Figure 1 by a pixel. So equal figures were of different bytes."""
    found = Figure(figsize=(6, 4), layout="constrained")
    upper, lower = found.subfigures(2, 1, height_ratios=(1.35, 1))
    for axes in (*upper.subplots(2, 4, sharex=True, sharey="row").flat, *lower.subplots(1, 2)):
        axes.plot([0, 1], [0, 1])
    figure.png(found)
    bounds = [bound for axes in found.get_axes() for bound in axes.get_position().bounds]
    assert len(bounds) == 40
    assert bounds == pytest.approx([round(bound, 6) for bound in bounds], rel=0, abs=1e-12)
