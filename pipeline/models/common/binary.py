"""Binary images: bits drawn from grey pixels."""

import torch
from torch import Tensor

from pipeline.compute.streams import generator, uniform

# Shapes: N images, ... pixels; grey in [-1, 1], bits 0 or 1 as float32.

SEED = (
    0  # of the bits that are drawn once: the same for every run, so that their likelihoods compare
)


def draw(grey: Tensor, stream: torch.Generator) -> Tensor:
    """Bits that are 1 with probability (grey + 1) / 2."""
    return (uniform(grey.shape, stream) < (grey + 1) / 2).to(grey.dtype)


def once(grey_NCHW: Tensor, binarize: str, name: str) -> Tensor:
    """The bits of a whole set of images that every run sees; `name`: of the set, train or test.

    threshold: 1 above grey 0, the middle. fixed and dynamic: one draw per image.
    """
    if binarize == "threshold":
        return (grey_NCHW > 0).to(grey_NCHW.dtype)
    return draw(grey_NCHW, generator(SEED, f"bits of {name} images"))


def to_images(bits: Tensor) -> Tensor:
    """Bits, or their probabilities, in [0, 1] as images in [-1, 1]."""
    return bits * 2 - 1
