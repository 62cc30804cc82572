"""Checkpoints, from which a killed training continues.

A file holds what torch.save writes, then MARK and the SHA-256 of all before: torch reads a file with flipped
bits without a word. The checkpoint before the newest is kept beside it, in case the newest is damaged.

Runs that differ only in what comes after the training go on from the same checkpoints, and may train at the same
time: each saves the same states, and the last of them to end deletes the folder.
"""

import hashlib
import os
import pickle
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, BinaryIO, Protocol

import torch

from pipeline.errors import DataError
from pipeline.io import in_use
from pipeline.io.files import atomic

MARK = b"\nSHA-256 "
END_BYTES = len(MARK) + hashlib.sha256().digest_size
BLOCK_BYTES = 2**20  # read at a time


class Stateful(Protocol):
    """Anything that changes during a training."""

    def state_dict(self) -> dict: ...

    def load_state_dict(self, state: dict) -> None: ...


@contextmanager
def shared(path: Path) -> Iterator[Callable[[], None]]:
    """Inside, the checkpoints at `path` are this training's, too; yields what deletes them at its end, unless another
    training goes on with them."""
    with in_use.marked(path.parent) as mark:
        yield lambda: in_use.delete_unless_used(path.parent, mark)


class _Hashed:
    """What is written to `file`, and the SHA-256 of it."""

    def __init__(self, file: BinaryIO):
        self.file = file
        self.sha256 = hashlib.sha256()
        self.flush = file.flush

    def write(self, block) -> int:
        self.sha256.update(block)
        return self.file.write(block)


def save(path: Path, parts: Mapping[str, Stateful]) -> None:
    """Write the state of all `parts`, whole or not at all; the folder of `path` names the training.

    What was there before becomes `one_before(path)`.
    """
    content = {
        "training": path.parent.name,
        "states": {name: part.state_dict() for name, part in parts.items()},
    }
    with atomic(path) as file:
        hashed = _Hashed(file)
        torch.save(content, hashed)  # type: ignore[arg-type]  # it writes and flushes
        file.write(MARK + hashed.sha256.digest())
        file.flush()
        os.fsync(file.fileno())
        with suppress(FileNotFoundError):  # the first one, or another training has just moved it
            os.replace(path, one_before(path))


def one_before(path: Path) -> Path:
    """a/checkpoint.pt -> a/checkpoint_before.pt"""
    return path.with_stem(f"{path.stem}_before")


def restore(
    path: Path, parts: Mapping[str, Stateful], say: Callable[[str], None], writes: bool = True
) -> bool:
    """Load into `parts` the newest states that `save` wrote and that are whole; False, with nothing changed,
    if there are none.

    A checkpoint that is damaged, or of another training, is named with `say` and set aside, by the one rank
    that `writes`.
    """
    refused = False
    for candidate in (path, one_before(path)):
        if not os.path.lexists(candidate):
            continue
        try:
            states = read(candidate)
        except DataError as reason:
            if not os.path.lexists(candidate):
                continue  # another training has just moved it: it is the one before now
            refused = True
            say(f"warning: {reason}. {set_aside(candidate) if writes else ''}")
            continue
        if refused:
            say(f"{candidate} is whole: the training goes on from this earlier checkpoint")
        for name, part in parts.items():
            part.load_state_dict(states[name])
        return True
    if refused:
        say("there is no other checkpoint: the training starts over")
    return False


def read(path: Path) -> dict[str, Any]:
    """The states in a checkpoint; DataError if it is not whole, or of another training than its folder's."""
    try:
        with path.open("rb") as file:
            check(path, file)
            file.seek(0)
            content = torch.load(file, map_location="cpu", weights_only=True)
    except PermissionError:  # not damaged: whoever may read it can go on from it
        raise
    except (OSError, RuntimeError, pickle.UnpicklingError) as error:
        raise DataError(f"{path} cannot be read as a checkpoint ({one_line(error)})") from None
    if not isinstance(content, dict) or set(content) != {"training", "states"}:
        raise DataError(f"{path} is no checkpoint of a training")
    if content["training"] != path.parent.name:
        raise DataError(
            f"{path} is a checkpoint of another training, {content['training']}: other settings, code or data"
        )
    return content["states"]


def check(path: Path, file: BinaryIO) -> None:
    """DataError unless the open `file` ends with the SHA-256 of all before."""
    size = file.seek(0, os.SEEK_END)
    left = size - END_BYTES
    file.seek(max(0, left))
    end = file.read()
    if left <= 0 or not end.startswith(MARK):
        raise DataError(f"the checkpoint {path} is not whole ({size:,} bytes)")
    file.seek(0)
    sha256 = hashlib.sha256()
    while left:
        block = file.read(min(left, BLOCK_BYTES))
        if not block:
            raise DataError(f"the checkpoint {path} became shorter while it was read")
        sha256.update(block)
        left -= len(block)
    if sha256.digest() != end.removeprefix(MARK):
        raise DataError(f"the checkpoint {path} is damaged: its content has not its own SHA-256")


def set_aside(path: Path) -> str:
    """Move a checkpoint out of the way, out of the folder that is deleted after the training; says where to."""
    folder, number = path.parent, 1
    while (aside := folder.with_name(f"{folder.name}-damaged-{number}")).exists():
        number += 1
    aside.mkdir()
    os.replace(path, aside / path.name)
    return f"It was moved to {aside / path.name}; delete it, or look into it"


def one_line(error: Exception) -> str:
    """The first line of its message, or its name if it has none."""
    lines = str(error).strip().splitlines()
    return lines[0] if lines else type(error).__name__
