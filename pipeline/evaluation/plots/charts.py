"""The curves of a run: its training, and the Parzen estimate over sigma."""

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from pipeline.evaluation.plots.figure import (
    BLUE,
    GREEN,
    GREY,
    ORANGE,
    PURPLE,
    RED,
    plain,
    titled,
)
from pipeline.evaluation.rounding import decimals

USUAL = (0.05, 0.95)  # quantiles between which a curve is usual
FAR = 2.0  # heights of the usual part beyond which a point is a spike


def training(
    rows: dict[str, np.ndarray],
    verdict: str,
    reason: str,
    d: float | None,
    d_loss: float,
    critic: bool,
    title: str,
) -> Figure:
    """Losses, mean D and gradient norms over the steps; the verdict and its reason are in the title.

    `d`, `d_loss`: D(x), if it is one number, and D's loss where samples and data have the same density;
    `critic`: whether D(x) is no probability, but a number without bounds.
    """
    figure = Figure(figsize=(8, 7.4), layout="constrained")
    colour = GREEN if verdict == "healthy" else RED
    words = reason if verdict == "healthy" else f"{verdict.replace('_', ' ')}\n{reason}"
    titled(figure, f"{title}: {words}", color=colour, fontweight="bold")
    losses, means, norms = figure.subplots(3, 1, sharex=True)
    step = rows["step"]
    draw(
        losses,
        step,
        {"D loss": (rows["d_loss"], "-", BLUE), "G loss": (rows["g_loss"], "--", RED)},
        d_loss,
    )
    losses.axhline(d_loss, color=GREY, linestyle=":", label="D loss at p_g = p_data")
    losses.set(ylabel="loss" if critic else "loss (nats)")
    means.plot(step, rows["d_real"], color=GREEN, label="D(x), real")
    means.plot(step, rows["d_fake"], "-.", color=ORANGE, label="D(G(z)), generated")
    if d is not None:
        means.axhline(d, color=GREY, linestyle=":", label="D at p_g = p_data")
    if critic:
        means.set(ylabel="mean of D, a critic")
    else:
        means.set(ylim=(0, 1), ylabel="mean of D")
    norms.set(yscale="log", ylabel="gradient norm", xlabel="step")
    draw(
        norms,
        step,
        {"D": (rows["d_gradient_norm"], "-", BLUE), "G": (rows["g_gradient_norm"], "--", RED)},
    )
    for axes in (losses, means, norms):
        axes.legend(frameon=False, fontsize=8, ncols=3, loc="lower left", bbox_to_anchor=(0, 1))
        plain(axes)
    return figure


def learning(rows: dict[str, np.ndarray], verdict: str, reason: str, title: str) -> Figure:
    """Loss and gradient norm, where there is one, over the steps; the verdict and its reason are in the title."""
    with_gradient = "gradient_norm" in rows
    figure = Figure(figsize=(8, 5 if with_gradient else 3), layout="constrained")
    colour = GREEN if verdict == "healthy" else RED
    words = reason if verdict == "healthy" else f"{verdict.replace('_', ' ')}\n{reason}"
    titled(figure, f"{title}: {words}", color=colour, fontweight="bold")
    panels = figure.subplots(1 + with_gradient, 1, sharex=True, squeeze=False)[:, 0]
    draw(panels[0], rows["step"], {"loss": (rows["loss"], "-", BLUE)})
    panels[0].set(ylabel="loss (nats per image)" if with_gradient else "loss")
    if with_gradient:
        panels[1].set(yscale="log", ylabel="gradient norm")
        draw(panels[1], rows["step"], {"gradient": (rows["gradient_norm"], "-", BLUE)})
    panels[-1].set(xlabel="step")
    for axes in panels:
        plain(axes)
    return figure


def draw(
    axes: Axes,
    step: np.ndarray,
    curves: dict[str, tuple[np.ndarray, str, str]],
    reference: float | None = None,
) -> None:
    """Curves by name (values, dashes, colour), so that no spike squeezes the rest: those leave the panel, a
    triangle stands at its edge for each, and the largest is named. `reference`: a value to keep in view."""
    for name, (values, dashes, colour) in curves.items():
        axes.plot(step, values, dashes, color=colour, label=name)
    every = np.concatenate([values for values, _, _ in curves.values()])
    low, high = limits(every, axes.get_yscale() == "log", reference)
    if not low < high:
        return
    axes.set_ylim(low, high)
    for values, _, colour in curves.values():
        for beyond, edge, mark in ((values > high, 0.98, "^"), (values < low, 0.02, "v")):
            if beyond.any():
                heights = np.full(np.count_nonzero(beyond), edge)
                (marks,) = axes.plot(step[beyond], heights, mark, color=colour, markersize=5)
                marks.set(transform=axes.get_xaxis_transform(), in_layout=False)
    if np.nanmax(every) > high:
        at = int(np.nanargmax(every))
        words = f"{every[at]:.3g} at step {step[at % len(step)]:,.0f}"
        axes.set_title(f"largest: {words}", loc="right", fontsize=8)


def limits(values_N: np.ndarray, log: bool, kept: float | None = None) -> tuple[float, float]:
    """Ends of an axis over `values_N` without their spikes, the values farther from the usual ones than FAR
    times the height of those, and over the value `kept`; NaN where there is nothing to show."""
    values_N = values_N[np.isfinite(values_N) & ((values_N > 0) | (not log))]
    if not len(values_N):
        return float("nan"), float("nan")
    scaled_N = np.log10(values_N) if log else values_N
    low, high = np.quantile(scaled_N, USUAL)
    room = FAR * max(high - low, 0.05 * abs(high), 1e-6)
    inside_N = scaled_N[(scaled_N >= low - room) & (scaled_N <= high + room)]
    if kept is not None:
        inside_N = np.append(inside_N, kept)
    margin = 0.05 * max(np.ptp(inside_N), 0.05 * abs(high), 1e-6)
    ends = inside_N.min() - margin, inside_N.max() + margin
    return (10 ** ends[0], 10 ** ends[1]) if log else ends


def sigma(parzen: dict, published: float | None, of_points: bool, title: str) -> Figure:
    """The estimate over sigma: its peak with reference lines and, at the right, the whole grid.

    `of_points`: coordinates of points, whose numbers are log-densities, instead of pixels of images.
    """
    figure = Figure(figsize=(8.4, 4.3), layout="constrained")
    titled(figure, title)
    peak, whole = figure.subplots(1, 2, width_ratios=(2.4, 1))
    grid = curve_of(parzen)
    fine = curve_of(parzen["fine"]) if parzen.get("fine") else None
    for axes in (peak, whole):
        axes.plot(*grid, "o-", color=BLUE, label="validation, the grid", zorder=3)
        if fine is not None:
            axes.plot(*fine, ".-", color=PURPLE, markersize=4, label="validation, refined")
        mark_best(axes, parzen, published)
        axes.set(xscale="log", xlabel=f"σ ({'coordinates' if of_points else 'pixels'} in [0, 1])")
        plain(axes)
    kind = "log-density" if of_points else "log-likelihood"
    peak.set_ylabel(f"mean {kind} (nats)")
    zoom(peak, grid, fine, parzen)
    peak.legend(frameon=False, fontsize=8, loc="lower left", bbox_to_anchor=(0, 1), ncols=2)
    whole.set_title("the whole grid", fontsize=9)
    return figure


def zoom(axes: Axes, grid: np.ndarray, fine: np.ndarray | None, parzen: dict) -> None:
    """Limit `axes` to the peak, a step of the grid to either side; the legend says of a line that is farther
    away than the peak is high that it is above or below."""
    best, count = parzen["sigma"], grid.shape[1]
    step = (grid[0, -1] / grid[0, 0]) ** (1 / (count - 1)) if count > 1 else 2.0
    left, right = best / step**1.2, best * step**1.2
    inside = (grid[0] >= left) & (grid[0] <= right)
    heights = [grid[1][inside], [parzen["log_likelihood"]["mean"]]]
    heights += [] if fine is None else [fine[1]]
    low, high = np.min(np.concatenate(heights)), np.max(np.concatenate(heights))
    height = max(high - low, 1e-3)
    for line in axes.get_lines():
        if line.get_linestyle() in ("--", ":"):
            at = np.asarray(line.get_ydata())[0]
            if low - height <= at <= high + height:
                low, high = min(low, at), max(high, at)
            else:
                line.set_label(f"{line.get_label()}, {'above' if at > high else 'below'}")
    axes.set(xlim=(left, right), ylim=(low - 0.05 * height, high + 0.05 * height))
    axes.set_xticks(grid[0][inside], [f"{sigma:.3g}" for sigma in grid[0][inside]])
    axes.minorticks_off()


def mark_best(axes: Axes, parzen: dict, published: float | None) -> None:
    """The number of the test set, and the lines to read it against."""
    score, real = parzen["log_likelihood"], parzen["real_data"]
    digits = decimals(score["standard_error"])
    words = f"test: {score['mean']:.{digits}f} ± {score['standard_error']:.{digits}f} at σ {parzen['sigma']:.3g}"
    axes.plot(parzen["sigma"], score["mean"], "*", color=RED, markersize=14, label=words, zorder=4)
    if real:
        words = f"real data: {real['mean']:.{decimals(real['standard_error'])}f}"
        axes.axhline(real["mean"], color=GREEN, linestyle="--", label=words)
    if published is not None:
        words = f"adversarial nets, 2014: {published:g}"
        axes.axhline(published, color=GREY, linestyle=":", label=words)


def curve_of(part: dict) -> np.ndarray:
    """[2, widths]: sigma, rising, and the log-likelihood of the validation images there."""
    return np.array(sorted((row["sigma"], row["log_likelihood"]) for row in part["validation"])).T
