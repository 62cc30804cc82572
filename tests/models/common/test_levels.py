"""Levels and the intervals that stand for them."""

import torch

from pipeline.compute.streams import generator
from pipeline.models.common import levels


def test_dequantised_images_are_quantised_to_themselves():
    level = torch.arange(256.0).view(1, 1, 16, 16)
    image = level / 255 * 2 - 1
    for u in (0.0, 0.5, 1 - 2**-24):
        x_BD = levels.dequantized(image, torch.full((1, 256), u))
        # the largest u below 1 may round up to the next level, a share of 2^-16 of its interval
        assert x_BD.min() >= 0 and x_BD.max() <= 1
        if u < 0.99:
            assert torch.allclose(levels.quantized(x_BD, (1, 16, 16)), image, atol=1e-6)
    outside = torch.tensor([[-0.3, 1.7]])
    assert levels.quantized(outside, (1, 1, 2)).flatten().tolist() == [-1, 1]


def test_each_pixel_is_drawn_within_its_level():
    image = torch.full((4_000, 1, 1, 1), 100 / 255 * 2 - 1)
    x = levels.drawn(image, generator(0, "u")) * 256 - 100
    assert 0 <= x.min() < 0.01 and 0.99 < x.max() <= 1
    assert abs(x.mean().item() - 0.5) < 0.02
