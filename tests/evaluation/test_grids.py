"""Pictures of many images: each at its place, on white."""

import numpy as np
import pytest
import torch
from torchvision.utils import make_grid

from pipeline.evaluation.plots import grids


@pytest.mark.parametrize(("count", "columns", "channels"), [(7, 3, 3), (4, 2, 1), (2, 5, 3)])
def test_a_mosaic_is_torchvisions_grid(count: int, columns: int, channels: int):
    images = np.random.RandomState(0).rand(count, channels, 4, 5).astype(np.float32)
    found = grids.mosaic(images, columns, 2, 1.0)
    expected = make_grid(torch.from_numpy(images), columns, padding=2, pad_value=1.0).numpy()
    width = expected.shape[2]
    assert np.array_equal(np.broadcast_to(found, (3, *found.shape[1:]))[:, :, :width], expected)
    assert (found[:, :, width:] == 1).all(), "columns that have no image are white"


def test_small_images_are_enlarged_pixel_by_pixel():
    images = np.array([[[[-1.0, 1.0], [0.0, 1.0]]]], np.float32)
    sheet = grids.tile(images, 1)
    factor, gap = grids.TILE_PIXELS // 2, grids.GAP_PIXELS
    inside = sheet[gap:-gap, gap:-gap]
    assert sheet.shape == (2 * factor + 2 * gap, 2 * factor + 2 * gap, 3)
    assert (inside[:factor, :factor] == 0).all()
    assert (inside[:, factor:] == 255).all()
    assert (inside[factor:, :factor] == 128).all()
