"""PixelCNN: residual blocks of masked convolutions (van den Oord, Kalchbrenner & Kavukcuoglu 2016)."""

from collections.abc import Callable
from typing import cast

import torch.nn.functional as F
from torch import Tensor, nn

from pipeline.models.autoregressive.drawing import Conditionals
from pipeline.models.autoregressive.masked import First, MaskedConv, Window, head

# Shapes: B batch, D pixels, H rows, W columns, C channels, F = 2 C features between blocks.


class Block(nn.Module):
    """Figure 5, left: 2 C features to C, a masked convolution, back to 2 C, added to what came in."""

    def __init__(self, channels: int, kernel: int):
        super().__init__()
        self.narrow = nn.Linear(2 * channels, channels)
        self.conv = MaskedConv(channels, channels, kernel, itself=True)
        self.widen = nn.Linear(channels, 2 * channels)

    def forward(self, x_F: Tensor, conv: Callable[[Tensor], Tensor] | None = None) -> Tensor:
        """`x_F`: [..., F]; `conv`: in the place of the block's own, as for a single pixel."""
        narrow_C = F.relu(self.narrow(F.relu(x_F)))
        seen_C = (conv or self.conv)(narrow_C)
        return x_F + self.widen(F.relu(seen_C))


class PixelCnn(nn.Module):
    """A logit for each pixel from a growing window above it and to its left.

    Like the original it has a blind spot: pixels to the right in the rows above, beyond a slanted line.
    """

    def __init__(self, pixels: int, width: int, channels: int, blocks: int, kernel: int):
        """`pixels`: of an image; `width`: of its rows; `kernel`: odd."""
        super().__init__()
        self.width = width
        self.first = First(pixels, width, 2 * channels)
        self._blocks = nn.ModuleList(Block(channels, kernel) for _ in range(blocks))
        self.head = head(channels)

    @property
    def blocks(self) -> list[Block]:
        return cast(list[Block], list(self._blocks))

    def forward(self, x_BD: Tensor) -> Tensor:
        x_BHWF = self.first(x_BD)
        for block in self.blocks:
            x_BHWF = block(x_BHWF)
        return self.head(x_BHWF).flatten(1)

    def conditionals(self, count: int) -> Conditionals:
        """Each convolution keeps the rows that it still needs: a pixel costs one pixel's work, not an image's."""
        first = Window(self.first.conv, count, self.width)
        windows = [Window(block.conv, count, self.width) for block in self.blocks]

        def logit(pixel: int, bit_B: Tensor | None) -> Tensor:
            column = pixel % self.width
            if bit_B is not None:
                first.put(bit_B[:, None], (pixel - 1) % self.width)
            if column == 0:
                for window in (first, *windows):
                    window.next_row()
            x_BF = first.at(column) + self.first.place[pixel]
            for block, window in zip(self.blocks, windows, strict=True):

                def here(x_BC: Tensor, window: Window = window) -> Tensor:
                    window.put(x_BC, column)
                    return window.at(column)

                x_BF = block(x_BF, here)
            return self.head(x_BF)[:, 0]

        return logit
