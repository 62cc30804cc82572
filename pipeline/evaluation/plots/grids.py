"""Grids of images and plots of points, as PNG bytes."""

import io
from collections.abc import Sequence
from pathlib import Path

import numpy as np

# Shapes: N images or points, M moments of a training, A axes of points; images are CHW.
TILE_PIXELS = 56  # small images are enlarged by a whole factor to about this size
GAP_PIXELS = 2
LABEL_PIXELS = 15  # height of the words beside a row
LABEL_LETTERS = 28  # at most; longer words are cut
MOST_CLASSES = 50  # rows of a picture of classes
MOST_MOMENTS = {
    "images": 20,
    "points": 12,
}  # of a training in one picture: the first, the last, some between
PANELS = 4  # in a row of moments of points


def is_picture(images_NCHW: np.ndarray) -> bool:
    """False for point sets, which are kept as images of one pixel."""
    return images_NCHW.shape[-2:] != (1, 1)


def grid(images_NCHW: np.ndarray, columns: int) -> bytes:
    """`images_NCHW` in [-1, 1], row by row; for point sets a plot of them, whatever `columns`."""
    if not is_picture(images_NCHW):
        return points(images_NCHW.reshape(len(images_NCHW), -1))
    return _png(tile(images_NCHW, columns))


def classes(images_NCHW: np.ndarray, names: Sequence[str], columns: int) -> bytes:
    """Images of all classes in turn, image i of class i % len(names): a row for each of the first
    MOST_CLASSES, with its name."""
    rows = min(len(names), MOST_CLASSES)
    table = np.full(
        (rows, columns, *images_NCHW.shape[1:]), 1.0, np.float32
    )  # white where there is none
    for row in range(rows):
        of_class = images_NCHW[row :: len(names)][:columns]
        table[row, : len(of_class)] = of_class
    sheet = tile(table.reshape(-1, *images_NCHW.shape[1:]), columns)
    return _png(labelled(sheet, names[:rows]))


def rows(images: Sequence[np.ndarray], words: Sequence[str], columns: int) -> bytes:
    """A row of up to `columns` images for each of `images`, [N, C, H, W] in [-1, 1] and of one shape, with its word."""
    table = np.full((len(images), columns, *images[0].shape[1:]), 1.0, np.float32)  # white: none
    for row, own_NCHW in zip(table, images, strict=True):
        row[: len(own_NCHW)] = own_NCHW[:columns]
    return _png(labelled(tile(table.reshape(-1, *table.shape[2:]), columns), words))


def progress(grids_MNCHW: np.ndarray, steps: Sequence[int]) -> bytes:
    """The same noise at each of `steps`: images in a row for each, points in a panel for each.

    Of many moments some are left out, evenly, as MOST_MOMENTS says.
    """
    of_images = is_picture(grids_MNCHW)
    most = MOST_MOMENTS["images" if of_images else "points"]
    chosen = np.linspace(0, len(steps) - 1, min(most, len(steps))).round().astype(int)
    words, grids_MNCHW = [f"step {steps[moment]:,}" for moment in chosen], grids_MNCHW[chosen]
    if not of_images:
        return moments(grids_MNCHW.reshape(*grids_MNCHW.shape[:2], -1), words)
    columns = grids_MNCHW.shape[1]
    return _png(labelled(tile(grids_MNCHW.reshape(-1, *grids_MNCHW.shape[2:]), columns), words))


def shown(images: np.ndarray) -> np.ndarray:
    """Images scaled to fit [-1, 1]: all by one factor, and only where they need it (GCN's reach 5)."""
    reach = float(np.quantile(np.abs(images), 0.999)) if images.size else 0.0
    return images / reach if reach > 1.01 else images


def tile(images_NCHW: np.ndarray, columns: int) -> np.ndarray:
    """uint8 [height, width, 3]: the images side by side on white, enlarged without smoothing."""
    channels, height = images_NCHW.shape[1:3]
    factor = max(1, TILE_PIXELS // height)
    pixels = ((np.clip(shown(images_NCHW), -1, 1) + 1) * 127.5).round().astype(np.uint8)
    enlarged = pixels.repeat(factor, axis=2).repeat(factor, axis=3)
    sheet_HWC = mosaic(enlarged, columns, GAP_PIXELS, 255).transpose(1, 2, 0)
    return sheet_HWC.repeat(3, axis=2) if channels == 1 else sheet_HWC


def mosaic(images_NCHW: np.ndarray, columns: int, gap: int, white: float) -> np.ndarray:
    """[C, height, width]: the images side by side, row by row, `gap` pixels of `white` around each.

    What torchvision's make_grid does, whose import takes seconds.
    """
    count, channels, height, width = images_NCHW.shape
    step_y, step_x = height + gap, width + gap
    size = (channels, -(-count // columns) * step_y + gap, columns * step_x + gap)
    canvas = np.full(size, white, images_NCHW.dtype)
    for index, image in enumerate(images_NCHW):
        y, x = divmod(index, columns)
        top, left = gap + y * step_y, gap + x * step_x
        canvas[:, top : top + height, left : left + width] = image
    return canvas


def labelled(sheet_HWC: np.ndarray, words: Sequence[str]) -> np.ndarray:
    """The sheet with a word at the left of each of its rows, which are of one height."""
    import matplotlib
    from PIL import Image, ImageDraw, ImageFont

    file = Path(matplotlib.get_data_path()) / "fonts/ttf/DejaVuSans.ttf"
    font = ImageFont.truetype(str(file), LABEL_PIXELS, layout_engine=ImageFont.Layout.BASIC)
    words = [
        word if len(word) <= LABEL_LETTERS else f"{word[: LABEL_LETTERS - 1]}…" for word in words
    ]
    margin = max(round(font.getlength(word)) for word in words) + LABEL_PIXELS
    height, width = sheet_HWC.shape[:2]
    canvas = Image.new("RGB", (margin + width, height), "white")
    canvas.paste(Image.fromarray(sheet_HWC), (margin, 0))
    draw = ImageDraw.Draw(canvas)
    for row, word in enumerate(words):
        middle = (row + 0.5) * height / len(words)
        draw.text((margin - LABEL_PIXELS // 2, middle), word, "black", font, anchor="rm")
    return np.asarray(canvas)


def points(points_NA: np.ndarray) -> bytes:
    """Histogram of 1-D points, scatter plot of 2-D ones, over [-1, 1]."""
    from matplotlib.figure import Figure

    from pipeline.evaluation.plots.figure import png, titled

    flat = points_NA.shape[1] == 1
    figure = Figure(figsize=(6, 4) if flat else (5, 5), layout="constrained")
    axes = figure.subplots()
    _cloud(axes, points_NA, bins=200)
    axes.set(xlabel="x" if flat else "x1", ylabel="density of G(z)" if flat else "x2")
    titled(figure, f"{len(points_NA):,} samples")
    return png(figure)


def moments(points_MNA: np.ndarray, words: Sequence[str]) -> bytes:
    """A panel for each moment: its histogram in 1-D, each of its own scale; its scatter plot in 2-D."""
    from matplotlib.figure import Figure

    from pipeline.evaluation.plots.figure import png, titled

    flat = points_MNA.shape[2] == 1
    columns = min(PANELS, len(points_MNA))
    rows = -(-len(points_MNA) // columns)
    figure = Figure(
        figsize=(2.2 * columns + 0.4, (1.5 if flat else 2.3) * rows + 0.6), layout="constrained"
    )
    panels = figure.subplots(rows, columns, sharex=True, sharey=not flat, squeeze=False)
    for axes in panels.flat[len(points_MNA) :]:
        axes.set_axis_off()
    for axes, points_NA, moment in zip(panels.flat, points_MNA, words, strict=False):
        _cloud(axes, points_NA, bins=80)
        axes.set_title(moment, fontsize=9)
        if flat:
            axes.set_yticks([])
            axes.spines[["top", "right", "left"]].set_visible(False)
    titled(figure, f"G of the same {points_MNA.shape[1]:,} points of the noise")
    return png(figure)


def _cloud(axes, points_NA: np.ndarray, bins: int) -> None:
    from pipeline.evaluation.plots.figure import GENERATED

    if points_NA.shape[1] == 1:
        axes.hist(points_NA[:, 0], bins=bins, range=(-1, 1), density=True, color=GENERATED)
        axes.set_xlim(-1, 1)
    else:
        dots = {"s": 2, "alpha": 0.3, "color": GENERATED, "rasterized": True}
        axes.scatter(points_NA[:, 0], points_NA[:, 1], **dots)
        axes.set(xlim=(-1, 1), ylim=(-1, 1), aspect="equal")


def _png(pixels_HWC: np.ndarray) -> bytes:
    from PIL import Image

    buffer = io.BytesIO()
    Image.fromarray(pixels_HWC).save(buffer, format="png", optimize=True)
    return buffer.getvalue()
