"""Images, whose density is unknown: what D says of images it was not trained on.

Where D(x) is a probability that is a bound on the JSD; of a critic it is how it tells samples from data.
"""

import torch
from torch import Tensor, nn

from pipeline.evaluation.theory import quadrature

MOST = 10_000  # images of each kind
BINS = 40  # of the histograms of D(x) over 0 to 1, or over all values of a critic


@torch.no_grad()
def outputs(
    D: nn.Module, seen: dict[str, tuple[Tensor, Tensor]], batch_size: int
) -> dict[str, Tensor]:
    """D's outputs [N] for each of `seen`, images [N, C, H, W] in [-1, 1] and labels [N] of "test", "train" and
    "generated"; `batch_size`: images that D sees at a time."""
    return {
        name: torch.cat(
            [
                D(*block)
                for block in zip(
                    images[:MOST].split(batch_size), labels[:MOST].split(batch_size), strict=True
                )
            ]
        )
        for name, (images, labels) in seen.items()
    }


def evaluate(logits: dict[str, Tensor], of: str) -> dict:
    """The content of theory.json. `of`: what D judges: images, or, where D is told the labels, pairs of image and
    label, or minibatches of them; their divergence is no less than that of images alone."""
    return {
        "kind": "bound",
        "of": of,
        "minus_log_4": -quadrature.LOG_4,
        "warnings": [],
        **quadrature.bound(logits["test"], logits["generated"]),
        "d_mean": {name: logit.sigmoid().mean().item() for name, logit in logits.items()},
        "d_histogram": {
            name: torch.histc(logit.sigmoid(), BINS, 0, 1).div(len(logit)).tolist()
            for name, logit in logits.items()
        },
    }


def critic(values: dict[str, Tensor], of: str, loss: str) -> dict:
    """The content of theory.json where D's outputs are no logits of a probability, which gives no bound on the JSD.

    difference: E[D(x)] over test images - E[D(G(z))]; under a Wasserstein loss an estimate of the earth mover's
    distance times the largest slope of D, from below.
    """
    every = torch.cat(list(values.values()))
    low, high = every.min().item(), every.max().item()
    high = high if high > low else low + 1
    means = {name: of_kind.mean().item() for name, of_kind in values.items()}
    return {
        "kind": "critic",
        "of": of,
        "loss": loss,
        "warnings": [],
        "difference": means["test"] - means["generated"],
        "d_mean": means,
        "edges": torch.linspace(low, high, BINS + 1).tolist(),
        "d_histogram": {
            name: torch.histc(of_kind, BINS, low, high).div(len(of_kind)).tolist()
            for name, of_kind in values.items()
        },
    }
