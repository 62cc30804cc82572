"""The live numbers and pictures of a training as event files of TensorBoard, where PIPELINE_TENSORBOARD=1 asks for them.

They lie beside the other live files, which no stage declares: nothing that is versioned changes.
"""

import importlib.util
import io
import os
from pathlib import Path

from pipeline.errors import RequestError

ASKED = "PIPELINE_TENSORBOARD"  # in the environment: 1 writes event files
FOLDER = "tensorboard"  # below the folder of live files


class Board:
    """Writes into one folder until it is closed."""

    def __init__(self, folder: Path):
        from torch.utils.tensorboard import SummaryWriter

        self.writer = SummaryWriter(str(folder))

    def numbers(self, row: dict[str, float]) -> None:
        """A point of each curve; its `step` numbers it."""
        for key, number in row.items():
            if key != "step":
                self.writer.add_scalar(key, number, int(row["step"]))
        self.writer.flush()

    def picture(self, step: int, png: bytes) -> None:
        import numpy as np
        from PIL import Image

        pixels = np.asarray(Image.open(io.BytesIO(png)).convert("RGB"))
        self.writer.add_image("samples", pixels, step, dataformats="HWC")

    def close(self) -> None:
        self.writer.close()


def writer(live: Path, resume: bool) -> Board | None:
    """Event files below the folder `live`, if they are asked for; RequestError without the package.

    `resume`: those of the training so far are kept, and else removed.
    """
    if os.environ.get(ASKED, "0") == "0":
        return None
    if importlib.util.find_spec("tensorboard") is None:
        raise RequestError(
            f"{ASKED} is set, and the package tensorboard is not installed. Next: pip install -r "
            "requirements-tensorboard.txt -c constraints.txt (or unset it)"
        )
    folder = live / FOLDER
    if not resume:
        for former in folder.glob("events.*"):
            former.unlink()
    return Board(folder)
