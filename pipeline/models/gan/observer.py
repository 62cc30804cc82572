"""Records a training and shows its progress; changes no result."""

from collections.abc import Callable

import torch
from torch import Tensor

from pipeline.compute.streams import generator
from pipeline.io.live import Live, Progress
from pipeline.models.common.loop import Row
from pipeline.models.common.record import Record
from pipeline.models.gan import pixels
from pipeline.models.gan.monitor import logged
from pipeline.models.gan.training import Training

GRID_IMAGES, GRID_POINTS = 10, 1_000  # points need many to show a density


class Observer:
    """Shows the progress of a training, and samples of the same noise every `grid_steps`."""

    def __init__(
        self,
        training: Training,
        record: Record,
        live: Live,
        progress: Progress,
        picture: Callable[[Tensor], bytes],
    ):
        """`picture`: a PNG of [GRID_IMAGES, C, H, W] in [-1, 1], or of GRID_POINTS points."""
        self.training = training
        self.settings = training.settings
        self.record = record
        self.live = live
        self.progress = progress
        self.picture = picture
        of_points = training.image_shape[-2:] == (1, 1)
        count = GRID_POINTS if of_points else GRID_IMAGES
        self.noise = training.draw(count, generator(training.seed, "grid", training.device))

    def begin(self) -> None:
        if not self.record.grids:
            self.training.remember()
            self._draw()

    def advanced(self) -> None:
        self.progress.to(self.training.step)

    def measured(self, row: Row) -> None:
        if logged(self.settings, self.training.step):
            speed = round(self.progress.images_per_second(), 1)
            self.live.numbers(row | {"images_per_second": speed})
            self.progress.line(row)

    def went_back(self) -> None:
        del self.record.grids[1 + self.training.step // self.settings.grid_steps :]
        self.progress.to(self.training.step)

    def look(self) -> None:
        step = self.training.step
        pictured = step % self.settings.grid_steps == 0 or step == self.settings.steps
        if pictured or is_early(step):
            self.training.remember()
        if pictured:
            self._draw()

    @torch.no_grad()
    def _draw(self) -> None:
        """Record and show samples of the fixed noise, from G's moving average if there is one."""
        images = pixels.from_nets(self.training.sampler()(*self.noise).cpu(), self.settings.pixels)
        self.record.grids.append(images)
        self.live.picture(self.training.step, self.picture(images))


def is_early(step: int) -> bool:
    """Whether `step` is 2**n or 3 * 2**n: 1, 2, 3, 4, 6, 8, 12, 16, ...

    G of points comes near the data long before the first picture; Figure 1 needs states from before that.
    """
    odd = step // (step & -step)
    return odd in (1, 3)
