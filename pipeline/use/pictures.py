"""Drawn images as pictures: Pillow's, a sheet, an animation."""

import io
from typing import TYPE_CHECKING

import numpy as np
from torch import Tensor

from pipeline.errors import RequestError
from pipeline.evaluation.plots import grids

if TYPE_CHECKING:
    from PIL.Image import Image

FRAME_MILLISECONDS = 80
FRAME_PIXELS = 224  # small frames are enlarged by a whole factor to about this size


def to_pil(images_NCHW: Tensor) -> "list[Image]":
    """A picture of 8 bits, grey or RGB, for each image in [-1, 1], pixel by pixel.

    What is beyond [-1, 1] is clipped. RequestError for points, and for other than 1 or 3 channels.
    """
    from PIL import Image

    if not grids.is_picture(images_NCHW.numpy()):
        raise RequestError("the model draws points, which are no pictures; take the arrays (.npy)")
    channels = images_NCHW.shape[1]
    if channels not in (1, 3):
        raise RequestError(
            f"pictures have 1 or 3 channels, these images {channels}; take the arrays"
        )
    levels = ((images_NCHW.clamp(-1, 1) + 1) * 127.5).round().byte().permute(0, 2, 3, 1).numpy()
    return [Image.fromarray(image[..., 0] if channels == 1 else image) for image in levels]


def sheet(images_NCHW: Tensor, columns: int) -> "Image":
    """All of them side by side, row by row, small ones enlarged; of points a plot."""
    from PIL import Image

    return Image.open(io.BytesIO(grids.grid(images_NCHW.numpy(), columns)))


def gif(images_NCHW: Tensor) -> bytes:
    """The images one after the other, over and over."""
    frames = to_pil(images_NCHW)
    factor = max(1, FRAME_PIXELS // max(frames[0].size))
    size = (frames[0].width * factor, frames[0].height * factor)
    enlarged = [frame.resize(size, resample=0) for frame in frames]
    buffer = io.BytesIO()
    enlarged[0].save(
        buffer,
        format="gif",
        save_all=True,
        append_images=enlarged[1:],
        duration=FRAME_MILLISECONDS,
        loop=0,
    )
    return buffer.getvalue()


def png(picture: "Image") -> bytes:
    """The picture as a PNG file."""
    buffer = io.BytesIO()
    picture.save(buffer, format="png", optimize=True)
    return buffer.getvalue()


def npy(images_NCHW: Tensor) -> bytes:
    """A .npy file of float32 [N, C, H, W]."""
    buffer = io.BytesIO()
    np.save(buffer, images_NCHW.numpy(), allow_pickle=False)
    return buffer.getvalue()
