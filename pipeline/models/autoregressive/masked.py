"""Convolutions that see what was drawn before a pixel: the rows above it, and its own row to the left."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

# Shapes: B batch, H rows, W columns, I inputs, O outputs.

FIRST_KERNEL = 7  # of the layer that sees the bits: van den Oord et al. 2016, Table 1


class MaskedConv(nn.Module):
    """A convolution of size x size whose weights are 0 below and to the right (van den Oord et al. 2016, 3.4).

    Only the rows down to the pixel's own are stored. Mask A hides the pixel itself, mask B shows it.
    """

    mask: Tensor

    def __init__(self, inputs: int, outputs: int, size: int, itself: bool):
        """`size`: odd; `itself`: mask B."""
        super().__init__()
        self.side = size // 2
        self.taps = self.side * size + self.side + itself  # in raster order, before the masked ones
        self.weight = nn.Parameter(torch.empty(outputs, inputs, self.side + 1, size))
        self.bias = nn.Parameter(torch.empty(outputs))
        places = torch.arange((self.side + 1) * size).view(self.side + 1, size)
        self.register_buffer("mask", (places < self.taps).float(), persistent=False)

    def forward(self, x_BHWI: Tensor) -> Tensor:
        x_BIHW = x_BHWI.permute(0, 3, 1, 2)  # a view: convolutions take channels_last as it is
        padded = F.pad(x_BIHW, (self.side, self.side, self.side, 0))
        return F.conv2d(padded, self.weight * self.mask, self.bias).permute(0, 2, 3, 1)


class First(nn.Module):
    """The first layer: mask A over the bits, and a vector for each pixel, the location-dependent bias of van den Oord
    et al. 2016 (Conditional PixelCNN, section 2.3).

    Without it a net far from the edges does not know whether a digit is still to come or over.
    """

    def __init__(self, pixels: int, width: int, outputs: int):
        super().__init__()
        self.width = width
        self.conv = MaskedConv(1, outputs, FIRST_KERNEL, itself=False)
        self.place = nn.Parameter(torch.empty(pixels, outputs))

    def forward(self, x_BD: Tensor) -> Tensor:
        """[B, D] -> [B, H, W, O]"""
        seen_BHWO = self.conv(x_BD.unflatten(1, (-1, self.width, 1)))
        return seen_BHWO + self.place.unflatten(0, (-1, self.width))


class Window:
    """Computes a masked convolution pixel by pixel; keeps the rows that it still needs."""

    def __init__(self, conv: MaskedConv, count: int, width: int):
        """For `count` images in rows of `width`; `next_row` begins each row."""
        self.side = conv.side
        weight_OIHW = conv.weight
        inputs = weight_OIHW.shape[1]
        self.numbers = conv.taps * inputs
        self.weight = weight_OIHW.permute(0, 2, 3, 1).flatten(1)[:, : self.numbers]
        self.bias = conv.bias
        shape = (count, self.side + 1, width + 2 * self.side, inputs)
        self.rows = torch.zeros(shape, device=weight_OIHW.device)

    def next_row(self) -> None:
        self.rows[:, :-1] = self.rows[:, 1:].clone()
        self.rows[:, -1] = 0

    def put(self, x_BI: Tensor, column: int) -> None:
        """What the convolution is given at a pixel of the present row."""
        self.rows[:, -1, column + self.side] = x_BI

    def at(self, column: int) -> Tensor:
        """What it gives there, [B, O]."""
        seen = self.rows[:, :, column : column + 2 * self.side + 1].flatten(1)
        return F.linear(seen[:, : self.numbers], self.weight, self.bias)


def head(channels: int) -> nn.Sequential:
    """Features [..., 2 channels] to a logit [..., 1], pixel by pixel: two layers of 1 x 1."""
    wide = 2 * channels
    return nn.Sequential(nn.ReLU(), nn.Linear(wide, wide), nn.ReLU(), nn.Linear(wide, 1))
