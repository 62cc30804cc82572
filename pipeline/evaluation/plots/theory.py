"""Plots of theory.json: Figure 1 for points, histograms of D for images."""

import math

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure, SubFigure

from pipeline.evaluation.plots.figure import (
    BLACK,
    BLUE,
    GREEN,
    GREY,
    ORANGE,
    PURPLE,
    plain,
    titled,
)
from pipeline.evaluation.theory.quadrature import REACH

MERGED_CELLS = 4  # of the 500 in one dimension
MASKED = 0.02  # of the peak of p data; where both densities together are below it, D is not drawn


def bound(theory: dict, title: str) -> Figure:
    """Histograms of D(x) for training images, for test images, which D was not trained on, and for samples."""
    figure = Figure(figsize=(7, 4), layout="constrained")
    axes = figure.subplots()
    _histograms(axes, theory, np.linspace(0, 1, len(theory["d_histogram"]["test"]) + 1), ".2f")
    axes.axvline(0.5, color=GREY, linewidth=1)
    axes.set(xlabel="D(x): how sure D is that x is real", ylabel="share of images", xlim=(0, 1))
    titled(figure, title)
    axes.legend(frameon=False)
    plain(axes)
    return figure


def critic(theory: dict, title: str) -> Figure:
    """Histograms of a critic's values, as `bound` has them of probabilities."""
    figure = Figure(figsize=(7, 4), layout="constrained")
    axes = figure.subplots()
    _histograms(axes, theory, np.array(theory["edges"]), ".3g")
    axes.set(xlabel="D(x), a critic's value: higher for data", ylabel="share of images")
    titled(figure, title)
    axes.legend(frameon=False)
    plain(axes)
    return figure


def _histograms(axes: Axes, theory: dict, edges: np.ndarray, digits: str) -> None:
    for name, colour, dashes in (
        ("train", ORANGE, ":"),
        ("test", GREEN, "-"),
        ("generated", BLUE, "--"),
    ):
        shares, mean = theory["d_histogram"][name], format(theory["d_mean"][name], digits)
        label = f"{name}, mean {mean}"
        axes.stairs(shares, edges, color=colour, linestyle=dashes, linewidth=1.8, label=label)


def figure_1(theory: dict, title: str) -> Figure:
    """Four moments as in Figure 1 of the paper, two where D is a critic, and the whole training below: C(G), and,
    where D is a probability, its distances from D* and 1/2."""
    figure = Figure(figsize=(13, 8.6), layout="constrained")
    titled(figure, title, 12, fontweight="bold")
    upper, lower = figure.subfigures(2, 1, height_ratios=(1.35, 1))  # type: ignore[misc]
    draw = _panels_1d if theory["axes"] == 1 else _panels_2d
    for axes, panel in zip(draw(upper, theory["panels"]), theory["panels"], strict=True):
        axes.set_title(
            f"{panel['title']}\nC(G) {panel['c']:.3f}{of_d(panel)}",
            fontsize=9.5,
        )
    if is_critic(theory["final"]):
        _values(lower.subplots(), theory)
        return figure
    left, right = lower.subplots(1, 2)
    _values(left, theory)
    _distances(right, theory)
    return figure


def is_critic(numbers: dict) -> bool:
    """Whether D is no probability, so that there is no D* to hold it against."""
    return "d_to_optimum" not in numbers


def of_d(panel: dict) -> str:
    return "" if is_critic(panel) else f", |D − D*| {panel['d_to_optimum']:.3f}"


def between_extremes(d_Q: np.ndarray) -> np.ndarray:
    """A critic's values from its least, 0, to its greatest, 1."""
    low, high = np.nanmin(d_Q), np.nanmax(d_Q)
    return (d_Q - low) / max(high - low, 1e-12)


def _panels_1d(figure: SubFigure, panels: list[dict]) -> list[Axes]:
    """Densities and D over x; below them the noise, with arrows from z to x = G(z)."""
    grid = figure.subplots(2, len(panels), sharex=True, sharey="row", height_ratios=(2.2, 1))
    of_each = [curves(panel) for panel in panels]
    peak = max(curve["p data"].max() for curve in of_each)
    top = max(1.0, *(curve["p of G(z)"].max() / peak for curve in of_each))
    seen = np.any([curve["share"] > MASKED for curve in of_each], axis=0)
    left, right = of_each[0]["x"][seen][[0, -1]]
    for (upper, below), panel, curve in zip(grid.T, panels, of_each, strict=True):
        _densities_and_d(upper, curve, peak)
        _arrows(below, panel["arrows"], left, right)
        upper.set(ylim=(0, 1.05 * top), yticks=[0, 0.5, 1], xlim=(left, right))
        plain(upper)
    of_critic = is_critic(panels[0])
    meaning = "D: from its least to its greatest" if of_critic else "D, D*: probability"
    grid[0, 0].set_ylabel(f"{meaning};\np: 1 is the peak of p data", fontsize=9)
    handles, labels = grid[0, 0].get_legend_handles_labels()
    figure.legend(handles, labels, frameon=False, loc="outside lower center", ncols=len(labels))
    return list(grid[0])


def curves(panel: dict) -> dict[str, np.ndarray]:
    """Curves over wider cells than those of the numbers, which reduces the noise of counting; D and D* only
    where a density has mass: elsewhere D* is the quotient of a few counted points."""

    def merged(name: str) -> np.ndarray:
        return np.array(panel[name]).reshape(-1, MERGED_CELLS)

    data, model, d = merged("p_data").sum(1), merged("p_g").sum(1), merged("d").mean(1)
    share = (data + model) / data.max()
    seen = share > MASKED
    x = ((np.arange(len(data)) + 0.5) / len(data) * 2 - 1) * REACH
    found = {"x": x, "p data": data, "p of G(z)": model, "share": share}
    d = np.where(seen, d, np.nan)
    if is_critic(panel):
        return found | {"D": between_extremes(d)}
    optimum = np.divide(data, data + model, out=np.full_like(data, np.nan), where=seen)
    return found | {"D*": optimum, "D": d}


def _densities_and_d(axes: Axes, curve: dict[str, np.ndarray], peak: float) -> None:
    for name, scale, dashes, colour, width in (
        ("p data", 1 / peak, ":", BLACK, 2.2),
        ("p of G(z)", 1 / peak, "-", GREEN, 1.6),
        ("D*", 1.0, "-", ORANGE, 1.6),
        ("D", 1.0, "--", BLUE, 1.8),
    ):
        if name in curve:
            y = curve[name] * scale
            axes.plot(curve["x"], y, dashes, color=colour, linewidth=width, label=name)


def _arrows(axes: Axes, arrows: dict, left: float, right: float) -> None:
    """From points of the noise (below) to x = G(z) (above): dense where p_g is high."""
    x, name = left_to_right(arrows)
    ends = np.array(x)
    starts = np.linspace(left, right, len(ends) + 2)[1:-1]
    inside = (ends > left) & (ends < right)
    for start, end in zip(starts[inside], ends[inside], strict=True):
        axes.annotate(
            "",
            xy=(end, 1),
            xytext=(start, 0),
            arrowprops={
                "arrowstyle": "-|>",
                "color": BLACK,
                "linewidth": 0.6,
                "mutation_scale": 7,
                "shrinkA": 0,
                "shrinkB": 0,
            },
        )
    axes.plot(starts, np.zeros_like(starts), ".", color=BLACK, markersize=3)
    for height, words in ((-0.35, name), (1, "x = G(z)")):
        axes.axhline(max(height, 0), color=BLACK, linewidth=0.8)
        axes.annotate(
            words,
            (0, height),
            (3, 2),
            textcoords="offset points",
            fontsize=8,
            xycoords=("axes fraction", "data"),
        )
    axes.set(ylim=(-0.4, 1.35), yticks=[], xlabel="x")
    axes.spines[["top", "right", "left"]].set_visible(False)


def left_to_right(arrows: dict) -> tuple[list[float], str]:
    """x = G(z) along the axis of the noise, reversed where G mostly falls; and the label of the axis."""
    x = arrows["x"]
    if np.polyfit(np.arange(len(x)), x, 1)[0] >= 0:
        return x, arrows["line"]
    return x[::-1], f"{arrows['line']}, from right to left"


def _panels_2d(figure: SubFigure, panels: list[dict]) -> list[Axes]:
    row = figure.subplots(1, len(panels), sharey=True)
    for axes, panel in zip(row, panels, strict=True):
        _panel_2d(axes, panel)
    row[0].set_ylabel("x2")
    ends = "its least (dark) to its greatest" if is_critic(panels[0]) else "0 (dark) to 1"
    figure.supxlabel(
        f"dotted: p data; orange: p of G(z) (lines at 10 % and 50 % of the peak); background: D from {ends}",
        fontsize=9,
    )
    return list(row)


def _panel_2d(axes: Axes, panel: dict) -> None:
    side = math.isqrt(len(panel["d"]))
    shape, extent = (side, side), (-REACH, REACH, -REACH, REACH)
    data, model, d = (np.array(panel[key]).reshape(shape).T for key in ("p_data", "p_g", "d"))
    d = between_extremes(d) if is_critic(panel) else d
    axes.imshow(d, cmap="cividis", vmin=0, vmax=1, extent=extent, origin="lower")
    for masses, colour, dashes in ((data, "white", "dotted"), (model, ORANGE, "solid")):
        levels = masses.max() * np.array([0.1, 0.5])
        axes.contour(
            masses, levels, colors=colour, linestyles=dashes, linewidths=1.2, extent=extent
        )
    axes.set(xlim=(-1, 1), ylim=(-1, 1), xlabel="x1")


def _values(values: Axes, theory: dict) -> None:
    """C(G) over the training, and V(D, G) where D is a probability."""
    rows = theory["over_training"]
    step = [row["step"] for row in rows]
    values.plot(step, [row["c"] for row in rows], "o-", color=GREEN, markersize=3, label="C(G)")
    if rows[-1]["c_of_average"] is not None:
        average = [row["c_of_average"] for row in rows]
        values.plot(step, average, "s--", color=PURPLE, markersize=3, label="C of G's average")
    if not is_critic(rows[-1]):
        of_d = [row["value"] for row in rows]
        values.plot(step, of_d, "^:", color=BLUE, markersize=3, label="V(D, G)")
    values.axhline(theory["minus_log_4"], color=GREY, linestyle="--", label="−log 4")
    values.set(ylabel="nats", ylim=(-1.6, 0.05))
    _over_steps(values, step)


def _distances(distances: Axes, theory: dict) -> None:
    """D's distances from D* and from 1/2 over the training."""
    rows = theory["over_training"]
    step = [row["step"] for row in rows]
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
    distances.set(ylabel="mean distance of D", ylim=(0, None))
    _over_steps(distances, step)


def _over_steps(axes: Axes, step: list[int]) -> None:
    axes.set(xlabel="step")
    axes.set_xscale("symlog", linthresh=1)
    axes.set_xlim(0, step[-1])
    axes.legend(frameon=False, fontsize=8)
    plain(axes)
