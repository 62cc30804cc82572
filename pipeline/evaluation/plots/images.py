"""Figures 2 and 3 of the paper, and real images beside generated ones."""

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from pipeline.evaluation.plots.figure import BLACK, GENERATED, ORANGE, REAL, titled
from pipeline.evaluation.plots.grids import mosaic, shown


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


def neighbours(samples_NCHW: np.ndarray, nearest_RCHW: np.ndarray, title: str) -> Figure:
    """Figure 2: rows of samples, and at the right the training image nearest to the last one of the row."""
    rows = len(nearest_RCHW)
    samples_NCHW, nearest_RCHW = shown(samples_NCHW), shown(nearest_RCHW)
    columns = len(samples_NCHW) // rows
    figure = Figure(figsize=(columns + 1.3, rows + 0.8), layout="constrained")
    titled(figure, title)
    grid = figure.subplots(rows, columns + 1, squeeze=False)
    for index, image in enumerate(samples_NCHW):
        show(grid[divmod(index, columns)], image)
    for row, image in enumerate(nearest_RCHW):
        show(grid[row, columns], image, border=ORANGE)
    return figure


def strips(rows_RSCHW: np.ndarray, names: list[str], title: str) -> Figure:
    """Figure 3: each row shows G along a path from one point of the noise to another, [R, S, C, H, W]."""
    rows, steps = rows_RSCHW.shape[:2]
    rows_RSCHW = shown(rows_RSCHW)
    figure = Figure(figsize=(steps * 0.75 + 0.9, rows * 0.78 + 0.5), layout="constrained")
    titled(figure, title)
    grid = figure.subplots(rows, steps, squeeze=False)
    for row in range(rows):
        for step in range(steps):
            show(grid[row, step], rows_RSCHW[row, step])
        grid[row, 0].set_ylabel(names[row], fontsize=8, rotation=0, ha="right", va="center")
    return figure


def sheet(real_NCHW: np.ndarray, fake_NCHW: np.ndarray, columns: int, title: str) -> Figure:
    """Test images on the left, samples on the right, as many of each."""
    rows = -(-len(real_NCHW) // columns)
    figure = Figure(figsize=(columns * 1.24 + 0.3, rows * 0.6 + 1.0), layout="constrained")
    titled(figure, title)
    for axes, images, name, colour in zip(
        figure.subplots(1, 2),
        (real_NCHW, fake_NCHW),
        ("real (test set)", "generated"),
        (REAL, GENERATED),
        strict=True,
    ):
        show(axes, mosaic(shown(images), columns, 1, 1.0))
        axes.set_title(name, fontsize=10, color=colour, fontweight="bold")
    return figure
