"""Maps of twice and of half their height and width."""

import torch
from torch import Tensor, nn

# Shapes: maps are BCHW, h and w their height and width when small.

Size = tuple[int, int]  # height, width


class Nearest(nn.Module):
    """Nearest-neighbour upsampling by 2, by views: the backward pass of CUDA's own is not deterministic."""

    def forward(self, x_BCHW: Tensor) -> Tensor:
        b, c, h, w = x_BCHW.shape
        return x_BCHW[:, :, :, None, :, None].expand(b, c, h, 2, w, 2).reshape(b, c, 2 * h, 2 * w)


def average_pool() -> nn.Module:
    """Means of 2 x 2 pixels, of fewer at the border of an odd number of them."""
    return nn.AvgPool2d(2, ceil_mode=True, count_include_pad=False)


class Bilinear(nn.Module):
    """Between a small map and one twice as large, or less by a row or column: taps 1, 3, 3, 1 with zeros around.

    Upsampling is bilinear; downsampling is its transpose, divided by 4. By matrix products, which cost a half of
    PyTorch's own on a CPU, and whose backward passes are deterministic on CUDA.
    """

    def __init__(self, small: Size, large: Size):
        super().__init__()
        self.down: Tensor
        self.across: Tensor
        self.register_buffer("down", bilinear(small[0], large[0]), persistent=False)
        self.register_buffer("across", bilinear(small[1], large[1]), persistent=False)

    def enlarge(self, x_BChw: Tensor) -> Tensor:
        return self.down.T @ (x_BChw @ self.across)

    def reduce(self, x_BCHW: Tensor) -> Tensor:
        return (self.down @ (x_BCHW @ self.across.T)) / 4


def bilinear(small: int, large: int) -> Tensor:
    """Weights [small, large] of each pixel in those of a row twice as long: 3/4 next to it, 1/4 beyond."""
    near, far = torch.arange(small)[:, None], torch.arange(large)
    return (1 - (2 * near + 0.5 - far).abs() / 2).clamp_min(0)
