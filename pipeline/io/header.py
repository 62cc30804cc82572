"""The metadata of a model file, read without torch."""

import json
import math
import struct
from pathlib import Path
from typing import Any

# of names of tensors, the last part: what is kept beside the weights, which learning by gradients does not change
NOT_LEARNED = (
    *("chains", "hidden_offset", "visible_offset", "visible_mean", "mask"),
    *("running_mean", "running_var", "num_batches_tracked"),
)
SAMPLED = ("generator.", "net.", "first.")  # of names, the first part: the nets that draw

# what reading a file raises that is missing, or none of ours
UNREADABLE = (
    *(OSError, struct.error, MemoryError, OverflowError),
    *(ValueError, KeyError, TypeError, AttributeError, RecursionError),
)


def about(model: Path) -> dict[str, Any]:
    """What the file's writer stored beside the tensors; {} if there is no such file or it is damaged."""
    try:
        found = json.loads(_header(model)["__metadata__"]["about"])
    except UNREADABLE:
        return {}
    return found if isinstance(found, dict) else {}


def parameters(model: Path) -> int | None:
    """Learned numbers of the nets that draw: of a GAN those of G. None if the file cannot be read."""
    try:
        shapes = {
            name: tensor["shape"]
            for name, tensor in _header(model).items()
            if name.startswith(SAMPLED) and name.rpartition(".")[2] not in NOT_LEARNED
        }
    except UNREADABLE:
        return None
    return sum(map(math.prod, shapes.values()))


def _header(model: Path) -> dict[str, Any]:
    with model.open("rb") as file:
        return json.loads(file.read(struct.unpack("<Q", file.read(8))[0]))
