"""Records the training of a GAN and shows its progress; changes no result."""

from collections.abc import Callable

import torch
from torch import Tensor

from pipeline.compute.streams import generator
from pipeline.io.live import Live, Progress
from pipeline.models.common import observer
from pipeline.models.common.record import Record
from pipeline.models.gan import pixels
from pipeline.models.gan.monitor import logged
from pipeline.models.gan.training import Training

GRID_POINTS = 1_000  # points need many to show a density


class Observer(observer.Observer):
    """Shows the progress of a training, and samples of the same noise every `grid_steps`."""

    training: Training

    def __init__(
        self,
        training: Training,
        record: Record,
        live: Live,
        progress: Progress,
        picture: Callable[[Tensor], bytes],
    ):
        """`picture`: a PNG of [GRID_IMAGES, C, H, W] in [-1, 1], or of GRID_POINTS points."""
        super().__init__(training, record, live, progress, picture)
        of_points = training.image_shape[-2:] == (1, 1)
        count = GRID_POINTS if of_points else self.grid_images
        self.noise = training.draw(count, generator(training.seed, "grid", training.device))

    def begin(self) -> None:
        if not self.record.grids:
            self.training.remember()
            self.draw()

    def look(self) -> None:
        step = self.training.step
        if self.pictured(step) or is_early(step):
            self.training.remember()
        super().look()

    def logged(self, step: int) -> bool:
        return logged(self.settings, step)

    @torch.no_grad()
    def images(self) -> Tensor:
        """Samples of the fixed noise, from G's moving average if there is one."""
        drawn = self.training.sampler()(*self.noise).cpu()
        return pixels.from_nets(drawn, self.settings.pixels)


def is_early(step: int) -> bool:
    """Whether `step` is 2**n or 3 * 2**n: 1, 2, 3, 4, 6, 8, 12, 16, ...

    G of points comes near the data long before the first picture; Figure 1 needs states from before that.
    """
    odd = step // (step & -step)
    return odd in (1, 3)
