"""What Figures 2 and 3 and the sheet are for points, whose density is a known mixture."""

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from pipeline.evaluation.plots.figure import (
    BLACK,
    BLUE,
    GENERATED,
    GREY,
    ORANGE,
    PURPLE,
    REAL,
    RED,
    plain,
    titled,
)

# Shapes: N points, A axes (1 or 2), K components of the mixture, R paths, S points of a path.
SCATTERED = 5_000  # points of a scatter plot, at most
FARTHEST = 5.0  # standard deviations from the nearest mean, of the histogram; points beyond are in its last bin


def components(
    real_NA: np.ndarray, fake_NA: np.ndarray, means_KA: np.ndarray, std: float, title: str
) -> Figure:
    """Which component of the mixture is nearest, and how far its mean is: Figure 2's question for points."""
    figure = Figure(figsize=(8.4, 3.9), layout="constrained")
    titled(figure, title)
    shares, distances = figure.subplots(1, 2)
    count = len(means_KA)
    for points, name, colour, offset in (
        (real_NA, "test points", REAL, -0.2),
        (fake_NA, "samples", GENERATED, 0.2),
    ):
        nearest_N, distance_N = nearest_mean(points, means_KA)
        share_K = np.bincount(nearest_N, minlength=count) / len(points)
        shares.bar(np.arange(count) + offset, share_K, 0.4, color=colour, label=name)
        distances.hist(
            np.minimum(distance_N / std, FARTHEST * 0.999),
            bins=np.linspace(0, FARTHEST, 51).tolist(),
            weights=np.full(len(points), 1 / len(points)),
            histtype="stepfilled" if colour == REAL else "step",
            alpha=0.5 if colour == REAL else 1,
            color=colour,
            linewidth=1.6,
            label=name,
        )
    shares.axhline(1 / count, color=GREY, linestyle=":", label=f"equal shares, 1/{count}")
    names = [", ".join(f"{value:g}" for value in mean) for mean in means_KA.tolist()]
    shares.set_xticks(range(count), names, fontsize=8, rotation=0 if count < 5 else 45)
    shares.set(xlabel="mean of the component", ylabel="share whose nearest mean it is")
    shares.set_ylim(0, 1.35 * shares.get_ylim()[1])  # room for the legend
    distances.set(
        xlabel=f"standard deviations from the nearest mean\n(the last bin: {FARTHEST:g} and more)",
        ylabel="share",
        xlim=(0, FARTHEST),
    )
    for axes in (shares, distances):
        axes.legend(frameon=False, fontsize=8)
        plain(axes)
    return figure


def nearest_mean(points_NA: np.ndarray, means_KA: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Number of the nearest mean [N] and the distance to it [N]."""
    distances_NK = np.linalg.norm(points_NA[:, None] - means_KA[None], axis=2)
    return distances_NK.argmin(axis=1), distances_NK.min(axis=1)


def paths(rows_RSA: np.ndarray, real_NA: np.ndarray, names: list[str], title: str) -> Figure:
    """G(z) along paths of the noise [R, S, A], on the real points: where a path leaves them, G draws points
    that the data have not got."""
    flat = real_NA.shape[1] == 1
    figure = Figure(figsize=(6.4, 3.9) if flat else (5, 5.3), layout="constrained")
    titled(figure, title)
    if flat:
        axes, beside = figure.subplots(1, 2, sharey=True, width_ratios=(4, 1))
        _density_beside(beside, real_NA[:, 0])
        axes.set(xlabel="way from one z to the other", ylabel="x = G(z)", ylim=(-1, 1))
    else:
        axes = figure.subplots()
        x, y = real_NA[:SCATTERED].T
        axes.scatter(x, y, s=2, color=GREY, alpha=0.3, rasterized=True)
        axes.set(xlabel="x1", ylabel="x2", xlim=(-1, 1), ylim=(-1, 1), aspect="equal")
    for points_SA, name, colour, dashes in zip(
        rows_RSA, names, (BLUE, RED, ORANGE, PURPLE), ("-", "--", "-.", ":"), strict=False
    ):
        way = [np.linspace(0, 1, len(points_SA))] if flat else []
        curve = [*way, *points_SA.T]
        axes.plot(*curve, dashes, color=colour, label=name)
        axes.plot(*(values[[0, -1]] for values in curve), "o", color=colour, markersize=5)
    axes.legend(frameon=False, fontsize=8)
    plain(axes)
    return figure


def axis_of_noise(shares_S: np.ndarray, x_S: np.ndarray, real_NA: np.ndarray, title: str) -> Figure:
    """G over all of a noise of one dimension, and the map that would give the data: quantile to quantile.

    `shares_S`: the share of the prior below each z, rising; `x_S`: G(z) there.
    """
    figure = Figure(figsize=(6.4, 3.9), layout="constrained")
    titled(figure, title)
    axes, beside = figure.subplots(1, 2, sharey=True, width_ratios=(4, 1))
    falls = np.polyfit(shares_S, x_S, 1)[0] < 0
    exact_S = np.quantile(real_NA[:, 0], 1 - shares_S if falls else shares_S)
    axes.plot(shares_S, exact_S, ":", color=BLACK, linewidth=2, label="the map that gives the data")
    axes.plot(shares_S, x_S, color=GENERATED, label="G(z)")
    axes.set(xlabel="share of the noise below z", ylabel="x", xlim=(0, 1), ylim=(-1, 1))
    _density_beside(beside, real_NA[:, 0])
    axes.legend(frameon=False, fontsize=8)
    plain(axes)
    return figure


def _density_beside(axes: Axes, real_N: np.ndarray) -> None:
    axes.hist(
        real_N,
        bins=np.linspace(-1, 1, 81).tolist(),
        density=True,
        orientation="horizontal",
        color=REAL,
        alpha=0.5,
    )
    axes.set(xlabel="density of\nreal points", xticks=[])
    plain(axes)


def sheet(real_NA: np.ndarray, fake_NA: np.ndarray, title: str) -> Figure:
    """Both histograms over one another in 1-D; two scatter plots side by side in 2-D."""
    flat = real_NA.shape[1] == 1
    figure = Figure(figsize=(6.4, 4) if flat else (8.4, 4.8), layout="constrained")
    titled(figure, title)
    if flat:
        axes = figure.subplots()
        of_each = {"bins": np.linspace(-1, 1, 121).tolist(), "density": True}
        axes.hist(real_NA[:, 0], **of_each, color=REAL, alpha=0.5, label="real (test set)")
        axes.hist(
            fake_NA[:, 0],
            **of_each,
            histtype="step",
            color=GENERATED,
            linewidth=1.6,
            label="generated",
        )
        axes.set(xlabel="x", ylabel="density")
        axes.legend(frameon=False)
        plain(axes)
        return figure
    for axes, points, name, colour in zip(
        figure.subplots(1, 2, sharey=True),
        (real_NA, fake_NA),
        ("real (test set)", "generated"),
        (REAL, GENERATED),
        strict=True,
    ):
        axes.scatter(*points[:SCATTERED].T, s=2, alpha=0.3, color=colour, rasterized=True)
        axes.set(xlim=(-1, 1), ylim=(-1, 1), aspect="equal", xlabel="x1")
        axes.set_title(name, fontsize=10, color=colour)
        plain(axes)
    return figure
