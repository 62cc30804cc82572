"""Discriminator rejection sampling (Azadi et al. 2019): of G's samples, those are kept that D takes for data.

The logit l of D* = p / (p + q) is log p(x) / q(x) (Proposition 1 of the 2014 paper), with p the density of the data
and q that of the samples. A sample is kept with probability min(1, exp(l - c)), so those kept have a density
proportional to min(p, e^c q): the fewer are kept, the closer it is to p. c is chosen by the share to be kept.
"""

import math
from collections.abc import Iterator

import torch
from scipy.optimize import brentq
from torch import Tensor

from pipeline.compute.streams import generator
from pipeline.errors import DataError
from pipeline.models.gan.sampling import SymmetricDiscriminator, SymmetricGenerator

# Shapes: B candidates, K classes of a conditional G, 1 for any other.

TRIED = 10_000  # samples of each class, by which c is chosen
BLOCK = 1_000


@torch.no_grad()
def draw_accepted(
    G: SymmetricGenerator,
    D: SymmetricDiscriminator,
    accepted: float,
    count: int,
    batch_size: int,
    seed: int,
    labels: list[int] | None = None,
) -> Iterator[Tensor]:
    """`count` images in [-1, 1], some at a time; of a conditional G as many of each of its `labels`, in turn.

    `accepted`: the share of samples, of each class, that is kept; `batch_size`: of those that D is shown. DataError
    if D's logits are not finite.
    """
    chance = generator(seed, "rejection")
    each: list[int | None] = [None] if labels is None else [*labels]
    limits = [limit(tried(G, D, label, chance), accepted) for label in each]
    c_K = torch.tensor(limits, dtype=torch.float64)
    labels_K = None if labels is None else torch.tensor(labels)
    noise, shown, missing = generator(seed, "sample"), 0, count
    kept = [torch.empty(0)] * len(c_K)
    while missing:
        of_B = torch.arange(shown, shown + batch_size) % len(c_K)
        shown += batch_size
        images_BCHW, logit_B = judged(
            G, D, batch_size, None if labels_K is None else labels_K[of_B], noise
        )
        keep_B = torch.rand(batch_size, generator=chance) < probability(logit_B, c_K[of_B])
        for place, before in enumerate(kept):
            new = images_BCHW[keep_B & (of_B == place)]
            kept[place] = torch.cat([before, new]) if len(before) else new
        rows = min(map(len, kept))
        ready = torch.stack([images[:rows] for images in kept], dim=1).flatten(0, 1)[:missing]
        kept = [images[rows:] for images in kept]
        missing -= len(ready)
        if len(ready):
            yield ready


def judged(
    G: SymmetricGenerator,
    D: SymmetricDiscriminator,
    count: int,
    labels_B: Tensor | None,
    stream: torch.Generator,
) -> tuple[Tensor, Tensor]:
    """Samples of G [B, C, H, W] and D's logits of them [B]."""
    latent = G.latent(count, stream)
    if labels_B is not None:
        latent = latent._replace(labels=labels_B)
    images_BCHW = G(*latent)
    return images_BCHW, D(images_BCHW, latent.labels)


def tried(
    G: SymmetricGenerator, D: SymmetricDiscriminator, label: int | None, stream: torch.Generator
) -> Tensor:
    """D's logits of TRIED samples of a class."""
    labels_B = None if label is None else torch.full((BLOCK,), label)
    blocks = [judged(G, D, BLOCK, labels_B, stream)[1] for _ in range(TRIED // BLOCK)]
    return torch.cat(blocks)


def probability(logit_B: Tensor, c: Tensor | float) -> Tensor:
    """Of being kept, float64."""
    return (logit_B.double() - c).clamp(max=0).exp()


def limit(logit_B: Tensor, accepted: float) -> float:
    """c, with which the share `accepted` of samples with these logits is kept in the mean."""
    if not logit_B.isfinite().all():
        raise DataError("sample.rejection: D's output for samples is not finite; leave it out")
    low, high = logit_B.min().item(), logit_B.max().item() - math.log(accepted)
    # all logits are the same, up to rounding
    if probability(logit_B, high).mean().item() >= accepted:
        return high
    return float(brentq(lambda c: probability(logit_B, c).mean().item() - accepted, low, high))
