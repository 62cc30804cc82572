"""Progress of a training for people to watch; it never changes the results."""

import json
import math
import sys
import time
from collections.abc import Callable
from pathlib import Path

from tqdm import tqdm

from pipeline.io import tensorboard
from pipeline.io.files import write_bytes
from pipeline.io.notes import Note, Notes

LINE_SECONDS = 10  # between lines of progress where stderr is no terminal
LOG_SECONDS = 10  # between two states of training.tsv while it grows
# columns of a row that are shown, with their names: of a GAN two, of other families one
LOSSES = {"d_loss": "D loss", "g_loss": "G loss", "loss": "loss"}


class Live:
    """Live files in `folder`: dvclive's metrics, and pictures of the same noise. Changes no result."""

    def __init__(
        self,
        folder: Path,
        resume: bool,
        on: bool = True,
        log: Callable[[], None] = lambda: None,
    ):
        """`on`: False for ranks other than 0, which write nothing; `log`: writes training.tsv as far as it goes, which
        DVC's plots show."""
        self.on = on
        self.live = self.board = None
        self.log, self.logged_at = log, -math.inf
        if not on:
            return
        self.board = tensorboard.writer(folder, resume)
        from dvclive import Live as DvcLive
        from scmrepo.exceptions import SCMError

        self.folder = folder
        if resume:
            drop_damaged(folder / "metrics.json")
        # by default dvclive makes an experiment and rewrites dvc.yaml
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
        if self.board:
            self.board.close()

    def numbers(self, row: dict[str, float]) -> None:
        """Log one row of measurements; its `step` numbers it."""
        if self.on and time.monotonic() - self.logged_at > LOG_SECONDS:
            self.logged_at = time.monotonic()
            self.log()
        if self.board:
            self.board.numbers(row)
        if not self.live:
            return
        self.live.step = int(row["step"])
        for key, number in row.items():
            if key not in ("step", "images"):
                self.live.log_metric(key, number)
        self.live.make_summary()

    def picture(self, step: int, png: bytes) -> None:
        """Write a PNG as grids/STEP.png."""
        if not self.on:
            return
        write_bytes(self.folder / "grids" / f"{step:06d}.png", png)
        if self.board:
            self.board.picture(step, png)


def drop_damaged(numbers: Path) -> None:
    """dvclive writes this file in place, and cannot resume with one that a kill or a full disk has cut off."""
    try:
        whole = isinstance(json.loads(numbers.read_bytes()), dict)
    except FileNotFoundError:
        return
    except ValueError:
        whole = False
    if not whole:
        numbers.unlink()


class Progress:
    """A bar with images/s and time left on a terminal; elsewhere a line every LINE_SECONDS.

    Notes how far it is, too, for an engine that asks for that.
    """

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
        self.started = self.printed_at = time.monotonic()
        self.notes = Notes(on)
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
        """Seconds since training began in this process."""
        return time.monotonic() - self.started

    def images_per_second(self) -> float:
        """Mean speed since training began in this process."""
        return self.trained / max(self.seconds(), 1e-9)

    def to(self, step: int) -> None:
        """Step `step` is done; it may be an earlier one, after a rollback."""
        self.trained += max(0, self.images(step) - self.images(self.step))
        self.bar.update(step - self.step)
        self.step = step
        if self.notes.due():
            self.notes.write(Note(step, self.steps, self.seconds_left()))

    def seconds_left(self) -> float:
        """At the mean speed so far."""
        left = self.images(self.steps) - self.images(self.step)
        return left / max(self.images_per_second(), 1e-9)

    def line(self, row: dict[str, float]) -> None:
        """Show speed and losses of `row`, and the time left; at most every LINE_SECONDS off a terminal."""
        speed = self.images_per_second()
        losses = [f"{LOSSES[key]} {row[key]:.3f}" for key in LOSSES if key in row]
        facts = ", ".join([f"{speed:,.0f} images/s", *losses])
        self.bar.set_postfix_str(facts, refresh=False)
        now = time.monotonic()
        last = row["step"] == self.steps
        if (
            not self.on
            or not self.bar.disable
            or (now - self.printed_at < LINE_SECONDS and not last)
        ):
            return
        self.printed_at = now
        print(
            f"train {self.name}: step {row['step']:,.0f} of {self.steps:,}, {facts}, "
            f"{self.seconds_left():.0f} s left",
            file=sys.stderr,
        )
