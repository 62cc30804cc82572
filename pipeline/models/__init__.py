"""What is trained, a folder for each family, and the table of families.

Nothing here reads params.yaml, opens a file or knows a stage. Importing the table imports no family.

To add a family F: a folder `pipeline/models/F` with its code, `pipeline/config/models/F/train.py` with its
settings as class `Train`, and a line in FAMILIES. dvc.yaml names both folders through a run's `model: F`, so a
change in one family reruns only the runs of that family.

A family composed of others names them in `composed_of`. DVC knows no dependencies of a dependency, and it hashes
the content behind a link to a file, but nothing behind a link to a folder. So the folder of such a family holds
a link to each file that it uses of another, such as `pipeline/models/dbn/parts/contrastive.py ->
../../rbm/contrastive.py` (the same below pipeline/config/models). The code imports `pipeline.models.rbm` as
usual; tests/test_dag.py names links that are missing.
"""

import importlib
from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True)
class Family:
    """What a family provides, each as MODULE:NAME for `load`."""

    settings: str  # class of `runs.R.train`
    # class (settings, seed, images [N, C, H, W] in [-1, 1], device, labels, world): `step`, `steps`,
    # `advance()`, `state_dict()`, `load_state_dict(state)`, `weights()`
    train: str
    # function (saved model, count, batch size, seed) -> batches of images [B, C, H, W] in [-1, 1]
    sample: str
    # function (saved model, images) -> exact log-likelihood [N] in nats; None where there is none
    log_likelihood: str | None = None
    composed_of: tuple[str, ...] = ()  # other families whose code it uses


FAMILIES = {
    "gan": Family(
        settings="pipeline.config.models.gan.train:Train",
        train="pipeline.models.gan.training:Training",
        sample="pipeline.models.gan.sampling:draw",
    ),
}


def load(place: str) -> Callable:
    """The object at MODULE:NAME; imports its module."""
    module, _, name = place.partition(":")
    return getattr(importlib.import_module(module), name)
