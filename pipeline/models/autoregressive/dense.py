"""Nets that know nothing of where a pixel lies, only its place in the order."""

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.autograd.function import once_differentiable
from zuko.nn import MaskedLinear, MaskedMLP

from pipeline.models.autoregressive.drawing import Conditionals

# Shapes: B batch, D pixels, U hidden units.


def before(pixels: int) -> Tensor:
    """[D, D], true where output i may depend on input j: j < i."""
    return torch.ones(pixels, pixels, dtype=torch.bool).tril(-1)


class FullyVisible(nn.Module):
    """FVSBN: logit_i = b_i + sum over j < i of W_ij x_j. Frey, Hinton & Dayan 1996."""

    def __init__(self, pixels: int):
        super().__init__()
        self.linear = nn.Linear(pixels, pixels)

    def forward(self, x_BD: Tensor) -> Tensor:
        return F.linear(x_BD, self.linear.weight.tril(-1), self.linear.bias)

    def conditionals(self, count: int) -> Conditionals:
        weight = self.linear.weight.tril(-1)
        logits_BD = self.linear.bias.expand(count, -1).clone()

        def logit(pixel: int, bit_B: Tensor | None) -> Tensor:
            if bit_B is not None:
                logits_BD.addr_(bit_B, weight[:, pixel - 1])
            return logits_BD[:, pixel]

        return logit


def seen(units: int, pixels: int) -> Tensor:
    """How many of the first pixels each of the hidden `units` sees, 1 to D - 1: each number in turn, or, of fewer units,
    numbers evenly apart. zuko would give these the first numbers, and hide all later pixels."""
    most = pixels - 1
    unit_U = torch.arange(units)
    return 1 + (unit_U % most if units >= most else unit_U * most // units)


class Masked(nn.Module):
    """MADE: a net whose weights are masked so that no path leads from a pixel to an earlier one.

    Germain et al. 2015, eq. 12 and 13, with numbers of pixels that are dealt out (`seen`) in the place of random ones.
    """

    def __init__(self, pixels: int, hidden: tuple[int, ...]):
        super().__init__()
        self.net = MaskedMLP(before(pixels), hidden)
        below_U = torch.arange(pixels) + 1  # an input is for those who see it and all before it
        layers = [layer for layer in self.net if isinstance(layer, MaskedLinear)]
        for layer, units in zip(layers, hidden, strict=False):
            own_U = seen(units, pixels)
            layer.mask.copy_(own_U[:, None] >= below_U)
            below_U = own_U
        layers[-1].mask.copy_(torch.arange(pixels)[:, None] >= below_U)

    def forward(self, x_BD: Tensor) -> Tensor:
        return self.net(x_BD)

    def conditionals(self, count: int) -> Conditionals:
        """The first layer's sums are carried along, one column a pixel; the layers above are computed for each."""
        first, *above, last = self.net
        weight_UD = first.mask * first.weight
        sums_BU = first.bias.expand(count, -1).clone()
        out_DU = last.mask * last.weight
        masked = [m.mask * m.weight if hasattr(m, "mask") else None for m in above]

        def logit(pixel: int, bit_B: Tensor | None) -> Tensor:
            if bit_B is not None:
                sums_BU.addr_(bit_B, weight_UD[:, pixel - 1])
            h_BU = sums_BU
            for layer, weight in zip(above, masked, strict=True):
                h_BU = layer(h_BU) if weight is None else F.linear(h_BU, weight, layer.bias)
            return h_BU @ out_DU[pixel] + last.bias[pixel]

        return logit


class SharedHidden(nn.Module):
    """NADE: h_i = sigmoid(c + sum over j < i of W_j x_j), logit_i = b_i + V_i h_i. Larochelle & Murray 2011."""

    def __init__(self, pixels: int, hidden: int):
        super().__init__()
        self.into = nn.Parameter(torch.empty(pixels, hidden))  # W, a row a pixel
        self.out = nn.Parameter(torch.empty(pixels, hidden))  # V
        self.hidden_bias = nn.Parameter(torch.zeros(hidden))  # c
        self.bias = nn.Parameter(torch.zeros(pixels))  # b

    def forward(self, x_BD: Tensor) -> Tensor:
        with torch.autocast(x_BD.device.type, enabled=False):  # sums over hundreds of pixels
            logits_BD = RunningHidden.apply(x_BD, self.into, self.out, self.hidden_bias)
        assert isinstance(logits_BD, Tensor)
        return logits_BD + self.bias

    def conditionals(self, count: int) -> Conditionals:
        sums_BU = self.hidden_bias.expand(count, -1).clone()

        def logit(pixel: int, bit_B: Tensor | None) -> Tensor:
            if bit_B is not None:
                sums_BU.addr_(bit_B, self.into[pixel - 1])
            return sums_BU.sigmoid() @ self.out[pixel] + self.bias[pixel]

        return logit


class RunningHidden(torch.autograd.Function):
    """V_i sigmoid(c + sum over j < i of W_j x_j) for every pixel i, with its gradients, pixel by pixel.

    The sum over earlier pixels is carried along, in the backward pass that over later ones, so that each pixel's numbers are
    used while they are in the cache: a fifth of the time of tensors over all pixels, and the same bits each time on a GPU,
    where the gradient of a cumulative sum has them not.
    """

    @staticmethod
    def forward(ctx: Any, x_BD: Tensor, into: Tensor, out: Tensor, bias: Tensor) -> Tensor:
        x_DB = x_BD.t().contiguous()
        sums_BU = bias.expand(len(x_BD), -1).clone()
        hidden_DBU = sums_BU.new_empty(*x_DB.shape, len(bias))
        for pixel, h_BU in enumerate(hidden_DBU):
            torch.sigmoid(sums_BU, out=h_BU)
            sums_BU.addr_(x_DB[pixel], into[pixel])
        ctx.save_for_backward(x_DB, into, out, hidden_DBU)
        return torch.bmm(hidden_DBU, out[:, :, None])[:, :, 0].t()

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *of_logits: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        x_DB, into, out, hidden_DBU = ctx.saved_tensors
        g_DB = of_logits[0].t().contiguous()
        of_x_DB, of_into = torch.empty_like(x_DB), torch.empty_like(into)
        of_sums_BU = torch.zeros_like(hidden_DBU[0])  # of the sum at the pixel: from all later ones
        for pixel in reversed(range(len(into))):
            torch.mv(of_sums_BU.t(), x_DB[pixel], out=of_into[pixel])
            torch.mv(of_sums_BU, into[pixel], out=of_x_DB[pixel])
            h_BU = hidden_DBU[pixel]
            of_sums_BU.addcmul_(torch.outer(g_DB[pixel], out[pixel]), h_BU - h_BU * h_BU)
        of_out = torch.bmm(g_DB[:, None], hidden_DBU)[:, 0]
        return of_x_DB.t(), of_into, of_out, of_sums_BU.sum(dim=0)
