"""One attack, and what came of it."""

import contextlib
import io
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pipeline import cli
from pipeline.errors import PipelineError
from pipeline.sources.raw import Unavailable

OUTCOMES = ("refused", "accepted", "traceback", "silent", "lost")
BAD = OUTCOMES[2:]
MOST_LINES = 14  # of a message
INTERRUPTED = 130  # exit code after Ctrl-C


class Refused(Exception):
    """A command ended with an exit code that is not 0; the message is what it printed."""


@dataclass(frozen=True)
class Attack:
    what: str
    act: Callable[[], Any]  # what it returns was accepted
    names: tuple[str, ...]  # a refusal must name one of them: the file, or the key
    right: Callable[[Any], bool] = lambda result: True  # whether what was accepted may be
    folders: tuple[Path, ...] = ()  # no file in them may change or vanish
    written: tuple[Path, ...] = ()  # but these


def outcome(attack: Attack) -> tuple[str, str]:
    """One of OUTCOMES, and why."""
    before = contents(attack)
    word, why = answer(attack)
    after = contents(attack)
    if lost := [name for name, content in before.items() if after.get(name) != content]:
        return "lost", ", ".join(lost)
    return word, why


def answer(attack: Attack) -> tuple[str, str]:
    try:
        result = quietly(attack.act)
    except (PipelineError, Unavailable, Refused) as error:
        said = str(error)
        if "Traceback" in said:
            return "traceback", said.strip().splitlines()[-1]
        if len(said.splitlines()) > MOST_LINES:
            return "silent", f"refused in {len(said.splitlines())} lines"
        if not any(name in said for name in attack.names):
            return "silent", f"refused without naming {' or '.join(attack.names)}: {said[:200]}"
        return "refused", said
    except BaseException as error:  # anything else is what we look for
        if isinstance(error, KeyboardInterrupt):
            raise
        return "traceback", f"{type(error).__name__}: {error}"[:300]
    return ("accepted", "") if attack.right(result) else ("silent", f"accepted: {result!r:.200}")


def quietly(act: Callable[[], Any]) -> Any:
    with (
        contextlib.redirect_stdout(io.StringIO()),
        contextlib.redirect_stderr(io.StringIO()),
        warnings.catch_warnings(),
    ):
        warnings.simplefilter("ignore")  # a library's, of what it reads
        return act()


def contents(attack: Attack) -> dict[str, bytes]:
    """Of all files in the folders of the attack, links not followed."""
    written = {str(path) for path in attack.written}
    return {
        str(path): str(path.readlink()).encode() if path.is_symlink() else path.read_bytes()
        for folder in attack.folders
        for path in folder.rglob("*")
        if (path.is_symlink() or path.is_file()) and str(path) not in written
    }


def command(*arguments: str) -> tuple[str, str]:
    """What `python -m pipeline ...` prints on stdout and stderr; Refused with stderr if it fails."""
    out, said = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(said):
        code = cli.main(list(arguments))
    if code == INTERRUPTED:
        raise KeyboardInterrupt
    if code:
        raise Refused(said.getvalue())
    return out.getvalue(), said.getvalue()


def every(attacks: Iterator[Attack], step: int) -> Iterator[Attack]:
    """One in `step`, the same ones each time. An attack prepares its files when it is its turn."""
    for number, attack in enumerate(attacks):
        if number % step == 0:
            yield attack
