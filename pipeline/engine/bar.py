"""The last line of the terminal while jobs run: how far they are, and how long they still take."""

import shutil
import threading
import time
from pathlib import Path
from typing import TextIO

from pipeline.io import notes

REDRAW_SECONDS = 0.5
WIDTH = 20  # characters of the bar itself
CLEAR = "\r\033[K"


class Bar:
    """Draws itself on `stream`, which must be a terminal, until it is closed.

    `lock` guards the stream and this object; who calls a method holds it.
    """

    def __init__(self, stream: TextIO, lock):
        self.stream = stream
        self.lock = lock
        self.running: dict[str, tuple[float, Path]] = {}  # in words -> since when, its progress
        self.done = self.total = 0
        self.since = time.monotonic()
        self.closed = threading.Event()
        self.thread: threading.Thread | None = None

    def start(self, job: str, progress: Path) -> None:
        """`job` runs from now on and may note its `progress` in a file."""
        self.running[job] = time.monotonic(), progress
        if self.thread is None:
            self.thread = threading.Thread(target=self.redraw, daemon=True)
            self.thread.start()

    def end(self, job: str) -> None:
        self.running.pop(job, None)

    def count(self, done: int, total: int) -> None:
        self.done, self.total = done, total

    def clear(self) -> None:
        """Make room for a line; the next drawing follows it."""
        if self.thread:
            self.stream.write(CLEAR)

    def redraw(self) -> None:
        while not self.closed.wait(REDRAW_SECONDS):
            with self.lock:
                if self.running and not self.closed.is_set():
                    columns = shutil.get_terminal_size().columns
                    self.stream.write(CLEAR + self.line(time.monotonic())[: columns - 1])
                    self.stream.flush()

    def line(self, now: float) -> str:
        parts = [f"{self.done} of {self.total} stages, {clock(now - self.since)}"]
        for job, (since, progress) in self.running.items():
            parts.append(f"{job} {how_far(progress) or clock(now - since)}")
        return " | ".join(parts)

    def close(self) -> None:
        self.closed.set()
        with self.lock:
            self.clear()


def how_far(progress: Path) -> str | None:
    """The bar, the share that is done and the time left; None where nothing is noted."""
    note = notes.read(progress)
    if note is None:
        return None
    share = note.done / note.of
    full = round(WIDTH * share)
    return f"[{'#' * full}{'.' * (WIDTH - full)}] {share:.0%}, {clock(note.seconds_left)} left"


def clock(seconds: float) -> str:
    """Such as 0:07, 12:30, 1:02:05."""
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"
