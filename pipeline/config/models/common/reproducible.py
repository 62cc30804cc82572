"""What `reproducible: anywhere` asks of the other settings of a run's `train`."""

from typing import Any

# what the arithmetic of all processors is defined for
NEEDED = {"device": "cpu", "devices": 1, "precision": "float32", "compile": False}


def check_reproducible(train: Any) -> None:
    """ValueError if settings of `train` leave the arithmetic to the machine where it is to be the same anywhere."""
    if train.reproducible == "here":
        return
    for key, needed in NEEDED.items():
        found = getattr(train, key, needed)
        if found != needed:
            raise ValueError(
                f"reproducible: anywhere is for one processor, in float32, and {key} is {str(found).lower()}: set "
                f"{key}: {str(needed).lower()}, or reproducible: here"
            )
