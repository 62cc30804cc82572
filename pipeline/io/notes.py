"""How a stage tells whoever started it how far it is: a file that the environment names."""

import json
import os
import time
from dataclasses import asdict, dataclass
from pathlib import Path

PROGRESS = "PIPELINE_PROGRESS"  # the file's path
SECONDS = 1.0  # between two notes


@dataclass(frozen=True)
class Note:
    """`done` of `of` steps, and how long the others take."""

    done: int
    of: int
    seconds_left: float


class Notes:
    """Writes notes into the file named by the environment, nowhere if it names none or `on` is false."""

    def __init__(self, on: bool = True):
        named = os.environ.get(PROGRESS)
        self.path = Path(named) if on and named else None
        self.last = float("-inf")

    def due(self) -> bool:
        return self.path is not None and time.monotonic() - self.last >= SECONDS

    def write(self, note: Note) -> None:
        """Never fails: nobody needs the notes on a disk that is full, say."""
        if self.path is None:
            return
        self.last = time.monotonic()
        try:
            self.path.write_text(json.dumps(asdict(note)), encoding="utf-8")
        except OSError:
            self.path = None


def read(path: Path) -> Note | None:
    """The last note; None if there is none yet, or only half of it."""
    try:
        note = Note(**json.loads(path.read_bytes()))
        valid = 0 <= note.done <= note.of and note.of > 0 and note.seconds_left >= 0
    except (OSError, ValueError, TypeError):
        return None
    return note if valid else None
