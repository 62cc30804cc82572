"""Checkpoints, from which a killed training continues."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Protocol

import torch

from pipeline.io.files import atomic


class Stateful(Protocol):
    """Anything that changes during a training."""

    def state_dict(self) -> dict: ...

    def load_state_dict(self, state: dict) -> None: ...


def save(path: Path, parts: Mapping[str, Stateful]) -> None:
    """Write the state of all `parts`, whole or not at all."""
    with atomic(path) as file:
        torch.save({name: part.state_dict() for name, part in parts.items()}, file)


def restore(path: Path, parts: Mapping[str, Stateful]) -> bool:
    """Load into `parts` the states that `save` wrote; False, with nothing changed, if there is no file."""
    if not path.is_file():
        return False
    states: dict[str, Any] = torch.load(path, map_location="cpu", weights_only=True)
    for name, part in parts.items():
        part.load_state_dict(states[name])
    return True
