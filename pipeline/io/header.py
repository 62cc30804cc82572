"""The metadata of a model file, read without torch."""

import json
import struct
from pathlib import Path
from typing import Any


def about(model: Path) -> dict[str, Any]:
    """What the file's writer stored beside the tensors; {} if there is no such file or it is damaged."""
    try:
        with model.open("rb") as file:
            header = json.loads(file.read(struct.unpack("<Q", file.read(8))[0]))
        return json.loads(header["__metadata__"]["about"])
    except (OSError, ValueError, KeyError, struct.error, MemoryError, OverflowError):
        return {}
