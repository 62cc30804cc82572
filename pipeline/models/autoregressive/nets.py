"""Nets that give every pixel's probability from the pixels before it, in raster order.

A net maps bits [B, D] to logits [B, D]; logit i depends on bits 0 .. i - 1 only. `conditionals` gives an
object that draws one pixel after the other without computing what is known already.
"""

from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from zuko.nn import MaskedMLP

from pipeline.compute.streams import uniform
from pipeline.config.models.autoregressive.train import Fvsbn, Made, Nade, Net
from pipeline.models.common.learner import reinitialize

# Shapes: B batch, D pixels, U hidden units.

# Logit [B] of pixel i from bit i - 1 [B], which is told once, in order; nothing is told for pixel 0.
Conditionals = Callable[[int, Tensor | None], Tensor]


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
        told_BDU = x_BD[:, :-1, None] * self.into[:-1]
        sums_BDU = F.pad(told_BDU.cumsum(dim=1), (0, 0, 1, 0)) + self.hidden_bias
        return torch.einsum("bdu,du->bd", sums_BDU.sigmoid(), self.out) + self.bias

    def conditionals(self, count: int) -> Conditionals:
        sums_BU = self.hidden_bias.expand(count, -1).clone()

        def logit(pixel: int, bit_B: Tensor | None) -> Tensor:
            if bit_B is not None:
                sums_BU.addr_(bit_B, self.into[pixel - 1])
            return sums_BU.sigmoid() @ self.out[pixel] + self.bias[pixel]

        return logit


def net_of(settings: Net, pixels: int, stream: torch.Generator) -> nn.Module:
    """A new net, its weights drawn from `stream`."""
    match settings:
        case Fvsbn():
            net: nn.Module = FullyVisible(pixels)
        case Made(hidden=hidden):
            net = Masked(pixels, hidden)
        case Nade(hidden=units):
            net = SharedHidden(pixels, units)
    reinitialize(net, stream)
    return net


@torch.no_grad()
def draw(
    net: nn.Module, count: int, pixels: int, stream: torch.Generator, given_BD: Tensor | None = None
) -> tuple[Tensor, Tensor]:
    """Bits [count, D] drawn pixel by pixel, and the probabilities [count, D] that they were drawn with.

    `given_BD`: bits of the first pixels, which are kept: the rest is drawn given them.
    """
    conditional = net.conditionals(count)  # type: ignore[operator]
    bits_BD = torch.empty(count, pixels, device=stream.device)
    means_BD = torch.empty_like(bits_BD)
    known = 0 if given_BD is None else given_BD.shape[1]
    for pixel in range(pixels):
        last = bits_BD[:, pixel - 1] if pixel else None
        means_BD[:, pixel] = conditional(pixel, last).sigmoid()
        drawn = (uniform((count,), stream) < means_BD[:, pixel]).float()
        bits_BD[:, pixel] = drawn if pixel >= known else given_BD[:, pixel]  # type: ignore[index]
    return bits_BD, means_BD


def log_likelihood(net: nn.Module, bits_BD: Tensor) -> Tensor:
    """log p(x) [B] in nats: the sum over pixels of log p(x_i | x_1 .. x_(i-1)), exact."""
    return -F.binary_cross_entropy_with_logits(net(bits_BD).float(), bits_BD, reduction="none").sum(
        dim=1
    )
