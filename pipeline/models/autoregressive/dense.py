"""Nets that know nothing of where a pixel lies, only its place in the order."""

import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from zuko.nn import MaskedMLP

from pipeline.models.autoregressive.drawing import Conditionals

# Shapes: B batch, D pixels, U hidden units, K blocks of L pixels.


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


class Masked(nn.Module):
    """MADE: a net whose weights are masked so that no path leads from a pixel to an earlier one.

    Germain et al. 2015; the masks are zuko's, with hidden units dealt out to the pixels in turn.
    """

    def __init__(self, pixels: int, hidden: tuple[int, ...]):
        super().__init__()
        self.net = MaskedMLP(before(pixels), hidden)

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
        sums_BDU = sums_before(x_BD[:, :, None] * self.into) + self.hidden_bias
        return torch.einsum("bdu,du->bd", sums_BDU.sigmoid(), self.out) + self.bias

    def conditionals(self, count: int) -> Conditionals:
        sums_BU = self.hidden_bias.expand(count, -1).clone()

        def logit(pixel: int, bit_B: Tensor | None) -> Tensor:
            if bit_B is not None:
                sums_BU.addr_(bit_B, self.into[pixel - 1])
            return sums_BU.sigmoid() @ self.out[pixel] + self.bias[pixel]

        return logit


def sums_before(x_BDU: Tensor) -> Tensor:
    """Sums over all pixels before each one.

    By products with triangular matrices, within blocks of pixels and over blocks: a running sum's gradient is not
    deterministic on CUDA.
    """
    pixels = x_BDU.shape[1]
    block = math.ceil(pixels**0.5)
    blocks = math.ceil(pixels / block)
    x_BKLU = F.pad(x_BDU, (0, 0, 0, blocks * block - pixels)).unflatten(1, (blocks, block))
    within = before(block).to(x_BDU) @ x_BKLU
    earlier_BKU = before(blocks).to(x_BDU) @ x_BKLU.sum(dim=2)
    return (within + earlier_BKU[:, :, None]).flatten(1, 2)[:, :pixels]
