"""Drawing from a net pixel by pixel, and the likelihood that it gives.

A net maps bits [B, D] to logits [B, D]; logit i depends on bits 0 .. i - 1 only. Its `conditionals(count)` draws one
pixel after the other without computing again what is known already.
"""

from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from pipeline.compute.streams import uniform

# Shapes: B batch, D pixels.

# Logit [B] of pixel i from bit i - 1 [B], which is told once, in order; nothing is told for pixel 0.
Conditionals = Callable[[int, Tensor | None], Tensor]


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
