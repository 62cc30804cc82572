"""Pictures of many images: each at its place, on white."""

import io

import numpy as np
import pytest
import torch
from PIL import Image
from torchvision.utils import make_grid

from pipeline.evaluation.plots import figure, grids


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


SIDE = grids.TILE_PIXELS + grids.GAP_PIXELS  # of a small image's place


def pixels(png: bytes) -> np.ndarray:
    return np.asarray(Image.open(io.BytesIO(png)).convert("L")).astype(int)


def levels(count: int) -> np.ndarray:
    """Images of 8 x 8 pixels, each of one grey: 0, 1, 2, ..."""
    greys = np.arange(count, dtype=np.float32) / 127.5 - 1
    return np.broadcast_to(greys[:, None, None, None], (count, 1, 8, 8)).copy()


def middles(sheet: np.ndarray, rows: int, columns: int) -> np.ndarray:
    """The grey in the middle of every image of a sheet, which labels may precede."""
    left = sheet.shape[1] - columns * SIDE - grids.GAP_PIXELS
    y, x = (np.arange(count) * SIDE + SIDE // 2 for count in (rows, columns))
    return sheet[np.ix_(y, left + x)]


def test_a_conditional_run_has_a_labelled_row_for_each_class():
    sheet = pixels(grids.classes(levels(16), ["cats", "dogs and other animals"], 6))
    assert middles(sheet, 2, 6).tolist() == [[0, 2, 4, 6, 8, 10], [1, 3, 5, 7, 9, 11]]
    assert sheet.shape[0] == 2 * SIDE + grids.GAP_PIXELS
    label = sheet[:, : sheet.shape[1] - 6 * SIDE - grids.GAP_PIXELS]
    dark = [(half < 128).sum() for half in np.array_split(label, 2)]
    assert 0 < dark[0] < dark[1], "each row has its own name, the longer one more ink"


def test_a_class_without_enough_samples_has_white_places():
    sheet = pixels(grids.classes(levels(5), ["a", "b", "c"], 3))
    assert middles(sheet, 3, 3).tolist() == [[0, 3, 255], [1, 4, 255], [2, 255, 255]]


def test_of_very_many_classes_the_first_are_shown():
    names = [f"class {label}" for label in range(200)]
    sheet = pixels(grids.classes(levels(200), names, 1))
    assert sheet.shape[0] == grids.MOST_CLASSES * SIDE + grids.GAP_PIXELS


def test_progress_has_a_row_for_each_step_and_leaves_out_some_of_many():
    moments = levels(120).reshape(40, 3, 1, 8, 8)
    few = pixels(grids.progress(moments[:4], [0, 10, 20, 25]))
    assert middles(few, 4, 3).tolist() == [[0, 1, 2], [3, 4, 5], [6, 7, 8], [9, 10, 11]]
    assert (few[:, : few.shape[1] - 3 * SIDE - grids.GAP_PIXELS] < 128).any(), "labels"
    many = middles(
        pixels(grids.progress(moments, list(range(40)))), grids.MOST_MOMENTS["images"], 3
    )
    assert many[0].tolist() == [0, 1, 2] and many[-1].tolist() == [117, 118, 119]


@pytest.mark.parametrize("axes", [1, 2])
def test_moments_of_points_are_shown_apart(axes: int, monkeypatch):
    drawn = []
    monkeypatch.setattr(figure, "png", lambda found: drawn.append(found) or b"")
    moments = np.random.RandomState(0).uniform(-1, 1, (11, 50, axes, 1, 1))
    grids.progress(moments, list(range(0, 1_100, 100)))
    panels = [panel for panel in drawn[0].get_axes() if panel.get_title()]
    assert [panel.get_title() for panel in panels] == [f"step {100 * i:,}" for i in range(11)]
    if axes == 2:
        shown = [panel.collections[0].get_offsets() for panel in panels]
        assert np.allclose(np.stack(shown), moments[..., 0, 0])
