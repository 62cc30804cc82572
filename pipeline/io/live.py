"""What a person sees while a training runs; it never changes the results."""

import sys
import time
from collections.abc import Callable
from pathlib import Path

from tqdm import tqdm

from pipeline.io.files import write_bytes

LINE_SECONDS = 10  # between two lines of progress where there is no terminal


class Live:
    """Files to watch while it runs: dvclive's, and a picture of the same noise every `grid_steps`."""

    def __init__(self, folder: Path, resume: bool, on: bool = True):
        """`on`: False for ranks other than 0, which write nothing."""
        self.on = on
        self.live = None
        if not on:
            return
        from dvclive import Live as DvcLive
        from scmrepo.exceptions import SCMError

        self.folder = folder
        # without these arguments dvclive makes an experiment and rewrites dvc.yaml
        quiet = {"save_dvc_exp": False, "dvcyaml": False, "report": None}
        try:
            self.live = DvcLive(str(folder), resume=resume, **quiet)
        except SCMError as reason:  # a Git repository without its first commit
            print(f"no live metrics: {reason}", file=sys.stderr)

    def __enter__(self):
        return self

    def __exit__(self, *error) -> None:
        if self.live:
            self.live.end()

    def numbers(self, row: dict[str, float]) -> None:
        if not self.live:
            return
        self.live.step = int(row["step"])
        for key, number in row.items():
            if key not in ("step", "images"):
                self.live.log_metric(key, number)
        self.live.make_summary()

    def picture(self, step: int, png: bytes) -> None:
        if not self.on:
            return
        write_bytes(self.folder / "grids" / f"{step:06d}.png", png)


class Progress:
    """A bar with images/s and time left on a terminal; elsewhere a line every few seconds."""

    def __init__(
        self,
        name: str,
        steps: int,
        first_step: int,
        images: Callable[[int], int],
        on: bool = True,
    ):
        """`images`: step -> number of images that D has seen; `on`: False for ranks other than 0."""
        self.on = on
        self.name = name
        self.steps = steps
        self.step = first_step
        self.trained = 0  # images, in this process
        self.images = images
        self.started = self.spoke_at = time.monotonic()
        self.bar = tqdm(
            total=steps,
            initial=first_step,
            desc=f"train {name}",
            unit=" steps",
            disable=not on or not sys.stderr.isatty(),
        )

    def __enter__(self):
        return self

    def __exit__(self, *error) -> None:
        self.bar.close()

    def seconds(self) -> float:
        return time.monotonic() - self.started

    def images_per_second(self) -> float:
        return self.trained / max(self.seconds(), 1e-9)

    def to(self, step: int) -> None:
        """Step `step` is done; it may be an earlier one, after a rollback."""
        self.trained += max(0, self.images(step) - self.images(self.step))
        self.bar.update(step - self.step)
        self.step = step

    def line(self, row: dict[str, float]) -> None:
        speed = self.images_per_second()
        facts = f"{speed:,.0f} images/s, D loss {row['d_loss']:.3f}, G loss {row['g_loss']:.3f}"
        self.bar.set_postfix_str(facts, refresh=False)
        now = time.monotonic()
        last = row["step"] == self.steps
        if not self.on or not self.bar.disable or (now - self.spoke_at < LINE_SECONDS and not last):
            return
        self.spoke_at = now
        left = (self.images(self.steps) - row["images"]) / max(speed, 1e-9)
        print(
            f"train {self.name}: step {row['step']:,.0f} of {self.steps:,}, {facts}, {left:.0f} s left",
            file=sys.stderr,
        )
