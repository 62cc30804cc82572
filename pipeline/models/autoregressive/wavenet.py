"""WaveNet over the raster scan: dilated causal convolutions with gates (van den Oord et al. 2016)."""

from collections.abc import Sequence
from typing import cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from pipeline.models.autoregressive.drawing import Conditionals

# Shapes: B batch, D pixels, C channels.


class Layer(nn.Module):
    """A convolution of two taps, `dilation` pixels apart, tanh(.) sigmoid(.), added to what came in.

    The paper also adds up what each layer gives before it goes on; here the head sees the sum that goes on.
    """

    def __init__(self, channels: int, dilation: int):
        super().__init__()
        self.dilation = dilation
        self.signal = nn.Linear(2 * channels, channels)
        self.gate = nn.Linear(2 * channels, channels)
        self.residual = nn.Linear(channels, channels)

    def forward(self, past_C: Tensor, x_C: Tensor) -> Tensor:
        """The next layer's input, from inputs [..., C] `dilation` pixels ago and now (eq. 2 and Figure 4)."""
        taps = torch.cat([past_C, x_C], dim=-1)
        return x_C + self.residual(self.signal(taps).tanh() * self.gate(taps).sigmoid())


class WaveNet(nn.Module):
    """A logit for each pixel from a tree of the pixels before it, of which the scan knows no rows.

    It is told where it is by a vector for each pixel, as the paper conditions on what is known at each time.
    """

    def __init__(self, pixels: int, channels: int, dilations: Sequence[int]):
        """`dilations`: of each layer, in pixels of the scan; the field of view is their sum and one more."""
        super().__init__()
        self.pixels = pixels
        self.channels = channels
        self.bit = nn.Linear(1, channels)
        self.place = nn.Parameter(torch.empty(pixels, channels))
        self._layers = nn.ModuleList(Layer(channels, dilation) for dilation in dilations)
        self.head = nn.Sequential(
            nn.ReLU(), nn.Linear(channels, channels), nn.ReLU(), nn.Linear(channels, 1)
        )

    @property
    def layers(self) -> list[Layer]:
        return cast(list[Layer], list(self._layers))

    def forward(self, x_BD: Tensor) -> Tensor:
        last_DB = F.pad(
            x_BD.T[:-1], (0, 0, 1, 0)
        )  # the bit before each pixel; times follow each other
        x_DBC = self.bit(last_DB[..., None]) + self.place[:, None]
        for layer in self.layers:
            x_DBC = layer(earlier(x_DBC, layer.dilation), x_DBC)
        return self.head(x_DBC)[..., 0].T

    def conditionals(self, count: int) -> Conditionals:
        """Each layer keeps a ring of what it was given in the last `dilation` steps (Paine et al. 2016)."""
        rings = [
            self.place.new_zeros(layer.dilation, count, self.channels) for layer in self.layers
        ]
        nothing = self.place.new_zeros(count)

        def logit(pixel: int, bit_B: Tensor | None) -> Tensor:
            last_B = nothing if bit_B is None else bit_B
            x_BC = self.bit(last_B[:, None]) + self.place[pixel]
            for layer, ring in zip(self.layers, rings, strict=True):
                given_BC, slot = x_BC, pixel % layer.dilation
                x_BC = layer(ring[slot], given_BC)
                ring[slot] = given_BC
            return self.head(x_BC)[:, 0]

        return logit


def earlier(x_DBC: Tensor, steps: int) -> Tensor:
    """What was there `steps` pixels ago; 0 before the first."""
    kept = max(0, len(x_DBC) - steps)
    return F.pad(x_DBC[:kept], (0, 0, 0, 0, len(x_DBC) - kept, 0))
