"""Records a training and shows its progress; changes no result."""

from collections.abc import Callable
from typing import Any

from torch import Tensor

from pipeline.io.live import Live, Progress
from pipeline.models.common.loop import Row
from pipeline.models.common.record import Record
from pipeline.models.common.watch import logged

GRID_IMAGES = 10


class Observer:
    """Shows the progress of a training, and what the model draws every `grid_steps`."""

    grid_images = GRID_IMAGES

    def __init__(
        self,
        training: Any,
        record: Record,
        live: Live,
        progress: Progress,
        picture: Callable[[Tensor], bytes],
    ):
        """`training`: with `draw(count)`, images in [-1, 1]; `picture`: a PNG of [count, C, H, W]."""
        self.training = training
        self.settings = training.settings
        self.record = record
        self.live = live
        self.progress = progress
        self.picture = picture

    def begin(self) -> None:
        if not self.record.grids:
            self.draw()

    def advanced(self) -> None:
        self.progress.to(self.training.step)

    def measured(self, row: Row) -> None:
        if self.logged(self.training.step):
            speed = round(self.progress.images_per_second(), 1)
            self.live.numbers(row | {"images_per_second": speed})
            self.progress.line(row)

    def went_back(self) -> None:
        del self.record.grids[1 + self.training.step // self.settings.grid_steps :]
        self.progress.to(self.training.step)

    def look(self) -> None:
        if self.pictured(self.training.step):
            self.draw()

    def pictured(self, step: int) -> bool:
        return step % self.settings.grid_steps == 0 or step == self.settings.steps

    def logged(self, step: int) -> bool:
        """Whether step `step` has a row in training.tsv."""
        return logged(self.settings, step)

    def images(self) -> Tensor:
        """What is shown of the present state: [count, C, H, W] in [-1, 1]."""
        return self.training.draw(self.grid_images)

    def draw(self) -> None:
        """Record and show `images`."""
        images = self.images()
        self.record.grids.append(images)
        self.live.picture(self.training.step, self.picture(images))
