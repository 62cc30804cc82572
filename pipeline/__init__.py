"""Train, sample and measure generative adversarial nets as cached, versioned stages."""

import warnings
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

    from pipeline.use.model import Model

__version__ = "0.2.0"

# torch warns about a package that dvclive depends on; users cannot change that
warnings.filterwarnings(
    "ignore", message="The pynvml package is deprecated", category=FutureWarning
)


def load(where: "str | Path", weights: str | None = None) -> "Model":
    """The trained model at `where`, to draw from: see pipeline.use.model.Model.

    `where`: a run's folder, such as results/mnist, or the model.safetensors in it, from any folder; or the name of a
    run of this folder. `weights`: ema, the moving average that most runs keep, or raw; None takes ema where there is
    one. RequestError if there is no such model, DataError if the file is damaged or of another version.
    """
    from pipeline.use.model import load

    return load(where, weights)
