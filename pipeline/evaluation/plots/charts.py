"""The paper's figures and the curves of a run, as PNG bytes: numbers in, pixels out.

Colours are Okabe and Ito's, which people with any kind of colour vision tell apart; lines differ in
their dashes, too.
"""

import io

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from pipeline.evaluation.plots.grids import mosaic, shown

BLUE, ORANGE, GREEN, RED, PURPLE, GREY, BLACK = (
    "#0072B2",
    "#E69F00",
    "#009E73",
    "#D55E00",
    "#CC79A7",
    "#999999",
    "#000000",
)
DPI = 150


def png(figure: Figure) -> bytes:
    """The figure as PNG bytes, the same each time, without Matplotlib's version in them."""
    figure.draw_without_rendering()  # lays it out
    figure.set_layout_engine("none")
    for (
        axes
    ) in figure.get_axes():  # equal layouts differ by 1e-16, enough to move a line by a pixel
        bounds = axes.get_position(original=True).bounds
        axes.set_position([round(bound, 6) for bound in bounds])  # type: ignore[arg-type]
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=DPI, metadata={"Software": None})
    return buffer.getvalue()


def show(axes: Axes, image_CHW: np.ndarray, border: str | None = None) -> None:
    """One image in [-1, 1], pixels as they are; grey for one channel."""
    pixels = np.clip((image_CHW + 1) / 2, 0, 1).transpose(1, 2, 0)
    axes.imshow(
        pixels[..., 0] if pixels.shape[2] == 1 else pixels,
        cmap="gray",
        vmin=0,
        vmax=1,
        interpolation="nearest",
    )
    axes.set(xticks=[], yticks=[])
    for spine in axes.spines.values():
        spine.set(visible=border is not None, color=border or BLACK, linewidth=3)


def plain(axes: Axes) -> None:
    """Hide the top and right border, in place."""
    axes.spines[["top", "right"]].set_visible(False)


# Figures 2 and 3 of the paper, and a sheet of both kinds of images.


def neighbours(samples_NCHW: np.ndarray, nearest_RCHW: np.ndarray, title: str) -> bytes:
    """Figure 2: rows of samples, and at the right the training image nearest to the last one of the row."""
    rows = len(nearest_RCHW)
    samples_NCHW, nearest_RCHW = shown(samples_NCHW), shown(nearest_RCHW)
    columns = len(samples_NCHW) // rows
    figure = Figure(figsize=(columns + 1.3, rows + 0.6), layout="constrained")
    figure.suptitle(title, fontsize=10)
    grid = figure.subplots(rows, columns + 1, squeeze=False)
    for index, image in enumerate(samples_NCHW):
        show(grid[divmod(index, columns)], image)
    for row, image in enumerate(nearest_RCHW):
        show(grid[row, columns], image, border=ORANGE)
    return png(figure)


def strips(rows_RSCHW: np.ndarray, names: list[str], title: str) -> bytes:
    """Figure 3: each row shows G along a path from one point of the noise to another, [R, S, C, H, W]."""
    rows, steps = rows_RSCHW.shape[:2]
    rows_RSCHW = shown(rows_RSCHW)
    figure = Figure(figsize=(steps * 0.75 + 0.9, rows * 0.78 + 0.5), layout="constrained")
    figure.suptitle(title, fontsize=10)
    grid = figure.subplots(rows, steps, squeeze=False)
    for row in range(rows):
        for step in range(steps):
            show(grid[row, step], rows_RSCHW[row, step])
        grid[row, 0].set_ylabel(names[row], fontsize=8)
    return png(figure)


def sheet(real_NCHW: np.ndarray, fake_NCHW: np.ndarray, columns: int, title: str) -> bytes:
    """Test images on the left, samples on the right, as many of each."""
    rows = -(-len(real_NCHW) // columns)
    figure = Figure(figsize=(columns * 1.24 + 0.3, rows * 0.6 + 0.75), layout="constrained")
    figure.suptitle(title, fontsize=10)
    for axes, images, name, colour in zip(
        figure.subplots(1, 2),
        (real_NCHW, fake_NCHW),
        ("real (test set)", "generated"),
        (GREEN, BLUE),
        strict=True,
    ):
        show(axes, mosaic(shown(images), columns, 1, 1.0))
        axes.set_title(name, fontsize=10, color=colour, fontweight="bold")
    return png(figure)


# The same three for points.


def point_neighbours(generated_N: np.ndarray, held_out_N: np.ndarray, title: str) -> bytes:
    """How far samples and held-out points lie from the nearest training point."""
    figure = Figure(figsize=(6, 3.6), layout="constrained")
    axes = figure.subplots()
    positive = np.concatenate([generated_N, held_out_N])
    positive = positive[positive > 0]
    positive = positive if len(positive) else np.array([1e-9, 1.0])  # every point is a copy
    bins = np.geomspace(positive.min(), positive.max(), 60).tolist()
    axes.hist(held_out_N, bins=bins, color=GREEN, alpha=0.5, label="test points")
    axes.hist(generated_N, bins=bins, histtype="step", color=BLUE, linewidth=1.6, label="samples")
    axes.set(xscale="log", xlabel="distance to the nearest training point", ylabel="points")
    axes.set_title(title, fontsize=10)
    axes.legend(frameon=False)
    plain(axes)
    return png(figure)


def point_paths(rows_RSA: np.ndarray, names: list[str], title: str) -> bytes:
    """G(z) along paths of the noise [R, S, A]: x over the position in 1-D, curves in 2-D."""
    figure = Figure(figsize=(6, 3.6) if rows_RSA.shape[2] == 1 else (5, 5), layout="constrained")
    axes = figure.subplots()
    for points_SA, name, colour, dashes in zip(
        rows_RSA, names, (BLUE, RED, GREEN, PURPLE), ("-", "--", "-.", ":"), strict=False
    ):
        if points_SA.shape[1] == 1:
            way = np.linspace(0, 1, len(points_SA))
            axes.plot(way, points_SA[:, 0], dashes, color=colour, label=name)
        else:
            axes.plot(points_SA[:, 0], points_SA[:, 1], dashes, color=colour, label=name)
    if rows_RSA.shape[2] == 1:
        axes.set(xlabel="way from one z to the other", ylabel="G(z)")
    else:
        axes.set(xlabel="x1", ylabel="x2", xlim=(-1, 1), ylim=(-1, 1), aspect="equal")
    axes.set_title(title, fontsize=10)
    axes.legend(frameon=False, fontsize=8)
    plain(axes)
    return png(figure)


def point_sheet(real_NA: np.ndarray, fake_NA: np.ndarray, title: str) -> bytes:
    """Both histograms over one another in 1-D; two scatter plots side by side in 2-D."""
    if real_NA.shape[1] == 1:
        figure = Figure(figsize=(6, 3.6), layout="constrained")
        axes = figure.subplots()
        bins = np.linspace(-1, 1, 121).tolist()
        axes.hist(
            real_NA[:, 0], bins, density=True, color=GREEN, alpha=0.5, label="real (test set)"
        )
        axes.hist(
            fake_NA[:, 0],
            bins,
            density=True,
            histtype="step",
            color=BLUE,
            linewidth=1.6,
            label="generated",
        )
        axes.set(xlabel="x", ylabel="density")
        axes.legend(frameon=False)
        axes.set_title(title, fontsize=10)
        plain(axes)
        return png(figure)
    figure = Figure(figsize=(8.4, 4.5), layout="constrained")
    figure.suptitle(title, fontsize=10)
    for axes, points, name, colour in zip(
        figure.subplots(1, 2, sharey=True),
        (real_NA, fake_NA),
        ("real (test set)", "generated"),
        (GREEN, BLUE),
        strict=True,
    ):
        axes.scatter(points[:5000, 0], points[:5000, 1], s=2, alpha=0.3, color=colour)
        axes.set(xlim=(-1, 1), ylim=(-1, 1), aspect="equal", xlabel="x1")
        axes.set_title(name, fontsize=10, color=colour)
        plain(axes)
    return png(figure)


# Curves.


def training(
    rows: dict[str, np.ndarray],
    verdict: str,
    reason: str,
    d: float,
    d_loss: float,
    title: str,
) -> bytes:
    """Losses, mean D and gradient norms over the steps; the verdict is in the title.

    `d`, `d_loss`: D(x) and D's loss where samples and data have the same density.
    """
    figure = Figure(figsize=(8, 7.2), layout="constrained")
    mark = "no failure seen" if verdict == "healthy" else verdict.replace("_", " ")
    figure.suptitle(
        f"{title}: {mark}",
        fontsize=11,
        color=GREEN if verdict == "healthy" else RED,
        fontweight="bold",
    )
    losses, means, norms = figure.subplots(3, 1, sharex=True)
    step = rows["step"]
    losses.plot(step, rows["d_loss"], color=BLUE, label="D loss")
    losses.plot(step, rows["g_loss"], "--", color=RED, label="G loss")
    losses.axhline(d_loss, color=GREY, linestyle=":", label="D loss at p_g = p_data")
    losses.set(ylabel="loss (nats)")
    means.plot(step, rows["d_real"], color=GREEN, label="D(x), real")
    means.plot(step, rows["d_fake"], "--", color=BLUE, label="D(G(z)), generated")
    means.axhline(d, color=GREY, linestyle=":", label="D at p_g = p_data")
    means.set(ylim=(0, 1), ylabel="mean of D")
    norms.plot(step, rows["d_gradient_norm"], color=BLUE, label="D")
    norms.plot(step, rows["g_gradient_norm"], "--", color=RED, label="G")
    norms.set(yscale="log", ylabel="gradient norm", xlabel="step")
    for axes in (losses, means, norms):
        axes.legend(frameon=False, fontsize=8, ncols=3, loc="best")
        plain(axes)
    losses.set_title(reason, fontsize=9)
    return png(figure)


def sigma(parzen: dict, published: float | None, title: str) -> bytes:
    """Validation log-likelihood over sigma, the grid as points, the optimum, and reference lines."""
    figure = Figure(figsize=(7, 4.4), layout="constrained")
    axes = figure.subplots()
    grid = sorted((row["sigma"], row["log_likelihood"]) for row in parzen["validation"])
    axes.plot(
        *zip(*grid, strict=True), "o-", color=BLUE, label="validation images, the grid", zorder=3
    )
    fine = parzen.get("fine")
    if fine:
        curve = sorted((row["sigma"], row["log_likelihood"]) for row in fine["validation"])
        axes.plot(*zip(*curve, strict=True), ".", color=PURPLE, markersize=4, label="sigma refined")
    best = parzen["log_likelihood"]["mean"]
    digits = ".1" if abs(best) > 10 else ".3"
    label = f"test: {best:{digits}f} ± {parzen['log_likelihood']['standard_error']:{digits}f} at σ {parzen['sigma']:.3g}"
    axes.plot(parzen["sigma"], best, "*", color=RED, markersize=14, label=label, zorder=4)
    real = parzen["real_data"]
    if real:
        axes.axhline(
            real["mean"], color=GREEN, linestyle="--", label=f"real data: {real['mean']:{digits}f}"
        )
    if published is not None:
        label = f"adversarial nets, 2014: {published:g}"
        axes.axhline(published, color=GREY, linestyle=":", label=label)
    top = max([best, *(value for _, value in grid), *([real["mean"]] if real else [])])
    spread = max(abs(top), 1.0)
    axes.set(
        xscale="log",
        xlabel="σ (pixels in [0, 1])",
        ylabel="log-likelihood (nats)",
        ylim=(max(min(v for _, v in grid), top - 4 * spread) - 0.1 * spread, top + 0.25 * spread),
    )
    axes.set_title(title, fontsize=10)
    axes.legend(frameon=False, fontsize=8)
    plain(axes)
    return png(figure)
