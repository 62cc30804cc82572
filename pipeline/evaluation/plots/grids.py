"""Pictures as PNG bytes."""

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
    count, channels, height, width = images_NCHW.shape
    factor = max(1, TILE_PIXELS // height)
    pixels = ((np.clip(shown(images_NCHW), -1, 1) + 1) * 127.5).round().astype(np.uint8)
    pixels = pixels.transpose(0, 2, 3, 1).repeat(factor, axis=1).repeat(factor, axis=2)
    if channels == 1:
        pixels = pixels.repeat(3, axis=3)
    rows = -(-count // columns)
    step_y, step_x = height * factor + GAP_PIXELS, width * factor + GAP_PIXELS
    sheet = np.full((rows * step_y + GAP_PIXELS, columns * step_x + GAP_PIXELS, 3), 255, np.uint8)
    for index, picture in enumerate(pixels):
        y, x = divmod(index, columns)
        top, left = GAP_PIXELS + y * step_y, GAP_PIXELS + x * step_x
        sheet[top : top + height * factor, left : left + width * factor] = picture
    return sheet


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
