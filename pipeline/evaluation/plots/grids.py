"""Grids of images and plots of points, as PNG bytes."""

import io

import numpy as np

TILE_PIXELS = 56  # small images are enlarged by a whole factor to about this size
GAP_PIXELS = 2


def is_picture(images_NCHW: np.ndarray) -> bool:
    """False for point sets, which are kept as images of one pixel."""
    return images_NCHW.shape[-2:] != (1, 1)


def grid(images_NCHW: np.ndarray, columns: int) -> bytes:
    """`images_NCHW` in [-1, 1], row by row; for point sets a plot of them, whatever `columns`."""
    if not is_picture(images_NCHW):
        return points(images_NCHW.reshape(len(images_NCHW), -1))
    return _png(tile(images_NCHW, columns))


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


def points(points_ND: np.ndarray) -> bytes:
    """Histogram of 1-D points, scatter plot of 2-D ones, over [-1, 1]."""
    from matplotlib.figure import Figure

    figure = Figure(
        figsize=(6, 4) if points_ND.shape[1] == 1 else (5, 5), dpi=120, layout="constrained"
    )
    axes = figure.subplots()
    if points_ND.shape[1] == 1:
        axes.hist(points_ND[:, 0], bins=200, range=(-1, 1), density=True, color="#0072B2")
        axes.set(xlabel="x", ylabel="density of G(z)")
    else:
        axes.scatter(
            points_ND[:, 0], points_ND[:, 1], s=2, alpha=0.3, color="#0072B2", rasterized=True
        )
        axes.set(xlabel="x1", ylabel="x2", xlim=(-1, 1), ylim=(-1, 1), aspect="equal")
    axes.set_title(f"{len(points_ND):,} samples")
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", metadata={"Software": None})
    return buffer.getvalue()


def _png(pixels_HWC: np.ndarray) -> bytes:
    from PIL import Image

    buffer = io.BytesIO()
    Image.fromarray(pixels_HWC).save(buffer, format="png", optimize=True)
    return buffer.getvalue()
