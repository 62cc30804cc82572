"""Maps of twice and of half their height and width."""

from torch import Tensor, nn

# Shapes: maps are BCHW.


class Nearest(nn.Module):
    """Nearest-neighbour upsampling by 2, by views: the backward pass of CUDA's own is not deterministic."""

    def forward(self, x_BCHW: Tensor) -> Tensor:
        b, c, h, w = x_BCHW.shape
        return x_BCHW[:, :, :, None, :, None].expand(b, c, h, 2, w, 2).reshape(b, c, 2 * h, 2 * w)


def average_pool() -> nn.Module:
    """Means of 2 x 2 pixels, of fewer at the border of an odd number of them."""
    return nn.AvgPool2d(2, ceil_mode=True, count_include_pad=False)
