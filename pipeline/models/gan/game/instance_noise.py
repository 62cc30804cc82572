"""Instance noise: Gaussian noise on all of D's inputs, which may decay during training (ganhacks 13)."""

import torch
from torch import Tensor

from pipeline.compute import streams
from pipeline.config.models.common.courses import Course


class InstanceNoise:
    """Adds noise whose standard deviation is linear from `start` to `end` over `steps` updates of G."""

    def __init__(self, settings: Course, stream: torch.Generator):
        """`settings`: deviations in the range that the nets work in."""
        self.settings = settings
        self.stream = stream

    def __call__(self, images_BCHW: Tensor, step: int) -> Tensor:
        """New images with the noise of step `step` added; the same tensor where there is none."""
        std = self.settings.at(step)
        if std == 0:
            return images_BCHW
        return torch.add(images_BCHW, streams.normal(images_BCHW.shape, self.stream), alpha=std)
