"""FID, KID and the Inception score on the features that published numbers use: torch-fidelity's Inception net.

Its weights are a file that is downloaded once, by hand: nothing here asks a network.
"""

from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch_fidelity.feature_extractor_inceptionv3 import FeatureExtractorInceptionV3

from pipeline.errors import DataError, RequestError
from pipeline.evaluation import metrics
from pipeline.evaluation.rounding import stored
from pipeline.io.costs import digest
from pipeline.io.files import existing, reading

NAME = "weights-inception-2015-12-05-6726825d.pth"  # of torch-fidelity's release v0.2.0
SHA256 = "6726825d"  # the file's digest begins so
FEATURES, LOGITS = "2048", "logits_unbiased"
BLOCK = 50  # images at a time
SEED = 0  # of KID's subsets and the parts of the score


def load(weights: Path, image_shape: tuple[int, ...]) -> nn.Module:
    """The net with the weights of that file; DataError for another file, RequestError for what are no pictures."""
    if image_shape[0] not in (1, 3) or image_shape[1:] == (1, 1):
        raise RequestError(
            f"--inception needs pictures of 1 or 3 channels; these are arrays of {list(image_shape)}"
        )
    found = digest(existing_weights(weights))
    if not found.startswith(SHA256):
        raise DataError(
            f"{weights} is not torch-fidelity's {NAME} (its SHA-256 begins {found[:8]}, expected {SHA256}): numbers "
            "of other weights stand beside no published ones"
        )
    with reading(weights, "file of weights", next_step="Download it again"):
        torch.load(weights, weights_only=True)  # nothing in it but tensors: the next line unpickles
        net = FeatureExtractorInceptionV3(
            "inception-v3-compat",
            [FEATURES, LOGITS],
            feature_extractor_weights_path=str(weights),
            verbose=False,
        )
    return net.eval()


def existing_weights(weights: Path) -> Path:
    if not weights.is_file():
        raise RequestError(
            f"{weights} is missing: the weights of torch-fidelity's Inception net, {NAME}, which its releases on "
            "GitHub (v0.2.0) hold"
        )
    return existing(weights)


def compare(net: nn.Module, fake_NCHW: Tensor, real_NCHW: Tensor) -> dict[str, Any]:
    """fid, kid, kid_std, inception_score and numbers of images, six digits; all of both sides in [-1, 1]."""
    fake, real = seen(net, fake_NCHW), seen(net, real_NCHW)
    numbers = {
        **metrics.distances(fake, real, SEED),
        "inception_score": metrics.inception_score(fake, SEED),
    }
    return {
        **stored(numbers),
        "n_fake": len(fake_NCHW),
        "n_real": len(real_NCHW),
        "real": "training images",
        "weights": NAME,
    }


@torch.no_grad()
def seen(net: nn.Module, images_NCHW: Tensor) -> metrics.Seen:
    """Features and logits of images in [-1, 1], as bytes of 0 to 255, which the net wants."""
    features, logits = [], []
    for block in images_NCHW.split(BLOCK):
        levels = ((block.clamp(-1, 1) + 1) * 127.5).round().byte()
        found = net(levels.expand(-1, 3, -1, -1).contiguous())
        features.append(found[0].double())
        logits.append(found[1].double())
    return metrics.Seen(torch.cat(features), torch.cat(logits))
