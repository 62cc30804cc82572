"""What is kept of a training beside its nets."""

from dataclasses import dataclass, field

from torch import Tensor


@dataclass
class Record:
    """Belongs into a checkpoint."""

    grids: list[Tensor] = field(default_factory=list)  # [images, C, H, W] each, in [-1, 1]
    seconds: float = 0.0  # of training, those before a kill included

    def state_dict(self) -> dict:
        return {"grids": self.grids, "seconds": self.seconds}

    def load_state_dict(self, state: dict) -> None:
        self.grids, self.seconds = state["grids"], state["seconds"]
