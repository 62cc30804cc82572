"""What the theory of the paper says of a run, drawn: Figure 1 for points, D's opinions for images."""

import math

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from pipeline.evaluation.plots.charts import (
    BLACK,
    BLUE,
    GREEN,
    GREY,
    ORANGE,
    PURPLE,
    plain,
    png,
)


def bound(theory: dict, title: str) -> bytes:
    """What D thinks of images that it was not trained on, of those it was, and of the samples."""
    figure = Figure(figsize=(7, 4), layout="constrained")
    axes = figure.subplots()
    histograms = theory["d_histogram"]
    edges = np.linspace(0, 1, len(histograms["test"]) + 1)
    for name, colour, dashes in (
        ("train", ORANGE, ":"),
        ("test", GREEN, "-"),
        ("generated", BLUE, "--"),
    ):
        label = f"{name}, mean {theory['d_mean'][name]:.2f}"
        axes.stairs(
            histograms[name], edges, color=colour, linestyle=dashes, linewidth=1.8, label=label
        )
    axes.axvline(0.5, color=GREY, linewidth=1)
    axes.set(xlabel="D(x): how sure D is that x is real", ylabel="share of images", xlim=(0, 1))
    axes.set_title(title, fontsize=10)
    axes.legend(frameon=False)
    plain(axes)
    return png(figure)


def figure_1(theory: dict, title: str) -> bytes:
    """Four moments as in Figure 1 of the paper, and the whole training below: C(G), and D's distances."""
    figure = Figure(figsize=(13, 8), layout="constrained")
    figure.suptitle(title, fontsize=12, fontweight="bold")
    upper, lower = figure.subfigures(2, 1, height_ratios=(1.25, 1))  # type: ignore[misc]
    draw = _panel_1d if theory["axes"] == 1 else _panel_2d
    for index, (axes, panel) in enumerate(
        zip(upper.subplots(1, 4, sharey=True), theory["panels"], strict=True)
    ):
        draw(axes, panel, with_legend=index == 0)
        axes.set_title(
            f"{panel['title']}\nC(G) {panel['c']:.3f}, |D − D*| {panel['d_to_optimum']:.3f}",
            fontsize=9,
        )
    left, right = lower.subplots(1, 2)
    _over_training(left, right, theory)
    return png(figure)


def _panel_1d(axes: Axes, panel: dict, with_legend: bool) -> None:
    """Densities scaled to a peak of p_data of 1, so that D fits the same axis; below x = G(z) by arrows."""
    cells = len(panel["d"])
    x = (np.arange(cells) + 0.5) / cells * 2.5 - 1.25
    data, model = np.array(panel["p_data"]), np.array(panel["p_g"])
    scale = 1 / data.max()
    axes.plot(x, data * scale, ":", color=BLACK, linewidth=2, label="p data")
    axes.plot(x, model * scale, color=GREEN, linewidth=1.2, label="p of G(z)")
    seldom = data + model < 1e-3 * data.max()  # there D* is the quotient of a few counted points
    axes.plot(
        x,
        np.where(seldom, np.nan, panel["d_optimum"]),
        color=ORANGE,
        linewidth=1,
        alpha=0.9,
        label="D*",
    )
    axes.plot(x, panel["d"], "--", color=BLUE, linewidth=1.8, label="D")
    _arrows(axes, panel["arrows"])
    axes.set(
        xlim=(-0.9, 0.9),
        ylim=(-0.75 if panel["arrows"] else 0, 2.1),
        yticks=[0, 0.5, 1],
        xlabel="x",
    )
    if with_legend:
        axes.legend(frameon=False, fontsize=8, loc="upper center", ncols=2)
    plain(axes)


def _arrows(axes: Axes, ends: list[float]) -> None:
    """From even shares of the noise, in the order of G(z), to where they go: dense where p_g is high."""
    if not ends:
        return
    for start, end in zip(np.linspace(-0.8, 0.8, len(ends)), ends, strict=True):
        axes.annotate(
            "",
            xy=(end, -0.1),
            xytext=(start, -0.6),
            arrowprops={
                "arrowstyle": "-|>",
                "color": BLACK,
                "linewidth": 0.5,
                "mutation_scale": 5,
            },
        )
    axes.axhline(-0.1, color=BLACK, linewidth=0.8)
    axes.axhline(-0.6, color=BLACK, linewidth=0.8)
    axes.text(-0.88, -0.72, "z, even shares", fontsize=8)


def _panel_2d(axes: Axes, panel: dict, with_legend: bool) -> None:
    side = math.isqrt(len(panel["d"]))
    shape, extent = (side, side), (-1.25, 1.25, -1.25, 1.25)
    data, model, d = (np.array(panel[key]).reshape(shape).T for key in ("p_data", "p_g", "d"))
    axes.imshow(d, cmap="cividis", vmin=0, vmax=1, extent=extent, origin="lower")
    for masses, colour, dashes in ((data, "white", "dotted"), (model, ORANGE, "solid")):
        levels = masses.max() * np.array([0.1, 0.5])
        axes.contour(
            masses, levels, colors=colour, linestyles=dashes, linewidths=1.2, extent=extent
        )
    axes.set(xlim=(-1, 1), ylim=(-1, 1), xlabel="x1")
    if with_legend:
        axes.set_ylabel("dotted p data, orange p of G(z),\nbackground D from 0 (dark) to 1")


def _over_training(values: Axes, distances: Axes, theory: dict) -> None:
    rows = theory["over_training"]
    step = [row["step"] for row in rows]
    values.plot(step, [row["c"] for row in rows], "o-", color=GREEN, markersize=3, label="C(G)")
    if rows[-1]["c_of_average"] is not None:
        average = [row["c_of_average"] for row in rows]
        values.plot(step, average, "s--", color=PURPLE, markersize=3, label="C of G's average")
    values.plot(
        step, [row["value"] for row in rows], "^:", color=BLUE, markersize=3, label="V(D, G)"
    )
    values.axhline(theory["minus_log_4"], color=GREY, linestyle="--", label="−log 4")
    values.set(xlabel="step", ylabel="nats", ylim=(-1.6, 0.05))
    distances.plot(
        step,
        [row["d_to_optimum"] for row in rows],
        "o-",
        color=ORANGE,
        markersize=3,
        label="|D − D*|",
    )
    distances.plot(
        step, [row["d_to_half"] for row in rows], "s--", color=BLUE, markersize=3, label="|D − 1/2|"
    )
    distances.set(xlabel="step", ylabel="mean distance of D", ylim=(0, None))
    for axes in (values, distances):
        axes.legend(frameon=False, fontsize=8)
        plain(axes)
