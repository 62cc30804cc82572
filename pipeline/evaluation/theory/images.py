"""Images, whose density is unknown: the bound on the JSD that D gives on images it was not trained on."""

import torch
from torch import Tensor, nn

from pipeline.evaluation.theory import quadrature

MOST = 10_000  # images of each kind
BINS = 40  # of the histograms of D(x) over 0 to 1


@torch.no_grad()
def evaluate(
    D: nn.Module, seen: dict[str, tuple[Tensor, Tensor]], batch_size: int, pairs: bool
) -> dict:
    """The content of theory.json. `seen`: images [N, C, H, W] in [-1, 1] and labels [N] of "test",
    "train" and "generated"; `batch_size`: images that D sees at a time; `pairs`: D is told the labels,
    so the divergence that it bounds is that of pairs (image, label), which is no less than that of
    images alone."""
    logits = {
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
    return {
        "kind": "bound",
        "of": "pairs of image and label" if pairs else "images",
        "minus_log_4": -quadrature.LOG_4,
        "warnings": [],
        **quadrature.bound(logits["test"], logits["generated"]),
        "d_mean": {name: logit.sigmoid().mean().item() for name, logit in logits.items()},
        "d_histogram": {
            name: torch.histc(logit.sigmoid(), BINS, 0, 1).div(len(logit)).tolist()
            for name, logit in logits.items()
        },
    }
