"""`train.pixels`: the range of pixel values that the nets work in, [-1, 1] or [0, 1].

Data and samples are in [-1, 1] everywhere else.
"""

from torch import Tensor


def to_nets(images: Tensor, pixels: str) -> Tensor:
    """`images` in [-1, 1] in the range of the nets."""
    return images if pixels == "symmetric" else (images + 1) / 2


def from_nets(images: Tensor, pixels: str) -> Tensor:
    """`images` in the range of the nets in [-1, 1]."""
    return images if pixels == "symmetric" else images * 2 - 1
