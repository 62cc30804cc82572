"""PixelRNN with row LSTMs (van den Oord, Kalchbrenner & Kavukcuoglu 2016, section 3.1)."""

from typing import cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from pipeline.models.autoregressive.drawing import Conditionals
from pipeline.models.autoregressive.masked import First, Window, head

# Shapes: B batch, D pixels, H rows, W columns, C channels, F = 2 C features between layers, G = 4 C gates.


class RowLstm(nn.Module):
    """An LSTM from row to row, all columns at once; its state sees the three nearest columns of the row above.

    So each pixel sees a triangle of what is above it.
    """

    def __init__(self, channels: int):
        super().__init__()
        self.channels = channels
        # input to state: a masked 1 x 3 convolution, which sees the pixel to the left and the pixel itself
        self.into = nn.Linear(2 * 2 * channels, 4 * channels)
        # state to state: 1 x 3, not masked, of the row above
        self.carry = nn.Linear(3 * channels, 4 * channels, bias=False)
        self.out = nn.Linear(channels, 2 * channels)

    def forward(self, x_HBWF: Tensor) -> Tensor:
        left_HBWF = F.pad(x_HBWF[:, :, :-1], (0, 0, 1, 0))
        into_HBWG = self.gates_of(left_HBWF, x_HBWF)
        h_BWC = c_BWC = x_HBWF.new_zeros(*x_HBWF.shape[1:3], self.channels)
        rows = []
        for into_BWG in into_HBWG:
            h_BWC, c_BWC = cell(into_BWG + self.carried(h_BWC), c_BWC)
            rows.append(h_BWC)
        return x_HBWF + self.out(torch.stack(rows))

    def gates_of(self, left_F: Tensor, x_F: Tensor) -> Tensor:
        """What a pixel's features and those to its left give to its gates, [..., G]."""
        return self.into(torch.cat([left_F, x_F], dim=-1))

    def carried(self, h_BWC: Tensor) -> Tensor:
        """What the states of the row above give to the gates of a row, [B, W, G]."""
        padded = F.pad(h_BWC, (0, 0, 1, 1))
        near = [padded[:, :-2], padded[:, 1:-1], padded[:, 2:]]
        return self.carry(torch.cat(near, dim=-1))


def cell(gates_G: Tensor, c_C: Tensor) -> tuple[Tensor, Tensor]:
    """State and memory after gates [..., G] (eq. 3); forget gates start open (Jozefowicz et al. 2015)."""
    out_C, forget_C, write_C, new_C = gates_G.chunk(4, dim=-1)
    c_C = (forget_C + 1).sigmoid() * c_C + write_C.sigmoid() * new_C.tanh()
    return out_C.sigmoid() * c_C.tanh(), c_C


class PixelRnn(nn.Module):
    """A masked convolution, row LSTMs one on the other with residual connections, and a head."""

    def __init__(self, pixels: int, width: int, channels: int, layers: int):
        """`pixels`: of an image; `width`: of its rows."""
        super().__init__()
        self.width = width
        self.first = First(pixels, width, 2 * channels)
        self._layers = nn.ModuleList(RowLstm(channels) for _ in range(layers))
        self.head = head(channels)

    @property
    def layers(self) -> list[RowLstm]:
        return cast(list[RowLstm], list(self._layers))

    def forward(self, x_BD: Tensor) -> Tensor:
        x_BHWF = self.first(x_BD)
        x_HBWF = x_BHWF.transpose(0, 1).contiguous()  # rows follow each other
        for layer in self.layers:
            x_HBWF = layer(x_HBWF)
        return self.head(x_HBWF).transpose(0, 1).flatten(1)

    def conditionals(self, count: int) -> Conditionals:
        """What the row above gives is computed once a row, the rest for each pixel."""
        first = Window(self.first.conv, count, self.width)
        running = [RunningRow(layer, count, self.width) for layer in self.layers]

        def logit(pixel: int, bit_B: Tensor | None) -> Tensor:
            column = pixel % self.width
            if bit_B is not None:
                first.put(bit_B[:, None], (pixel - 1) % self.width)
            if column == 0:
                first.next_row()
                for layer in running:
                    layer.next_row()
            x_BF = first.at(column) + self.first.place[pixel]
            for layer in running:
                x_BF = layer.at(x_BF, column)
            return self.head(x_BF)[:, 0]

        return logit


class RunningRow:
    """A row LSTM that goes from pixel to pixel."""

    def __init__(self, layer: RowLstm, count: int, width: int):
        self.layer = layer
        device = layer.out.weight.device
        self.h_BWC = torch.zeros(count, width, layer.channels, device=device)
        self.c_BWC = torch.zeros_like(self.h_BWC)
        self.left_BF = torch.zeros(count, 2 * layer.channels, device=device)

    def next_row(self) -> None:
        self.carried_BWG = self.layer.carried(self.h_BWC)
        self.left_BF = torch.zeros_like(self.left_BF)

    def at(self, x_BF: Tensor, column: int) -> Tensor:
        """Features after the layer at the next pixel, from those before it; each row's states replace the last one's."""
        gates_BG = self.layer.gates_of(self.left_BF, x_BF) + self.carried_BWG[:, column]
        h_BC, self.c_BWC[:, column] = cell(gates_BG, self.c_BWC[:, column])
        self.h_BWC[:, column] = h_BC
        self.left_BF = x_BF
        return x_BF + self.layer.out(h_BC)
