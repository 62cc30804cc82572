"""What the log of a stage tells: why it failed, what it warned of."""

import re
from pathlib import Path

OURS = re.compile(r"^error: stage \S+ failed: (.+)", re.MULTILINE)  # of job.py
THEIRS = re.compile(r"^error: ", re.MULTILINE)  # of a stage
ENDED = re.compile(r"exited with (-?\d+)$")
ABOVE = "see its own message above; "
WARNING = re.compile(r"^.*\bwarning: .+$", re.MULTILINE)


def cause(log: str) -> str:
    """In the words of the stage, else in those of DVC or the system; never empty."""
    ours = OURS.search(log)
    own = log[: ours.start()] if ours else log
    words = ours[1] if ours else ""
    if said := list(THEIRS.finditer(own)):
        return own[said[-1].end() :].strip()
    if ours and not words.startswith(ABOVE):
        return words
    ended = ENDED.search(words)
    if ended and not 0 <= int(ended[1]) <= 128:  # a signal
        return f"it was killed ({ended[0]}), perhaps for want of memory"
    last = own.rstrip().rpartition("\n")[2]  # of a traceback, say
    return last or words.removeprefix(ABOVE) or "it left no word in its log"


def warnings(log: str) -> list[str]:
    return WARNING.findall(log)


def read(path: Path) -> str:
    """Empty if there is none."""
    try:
        return path.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""
