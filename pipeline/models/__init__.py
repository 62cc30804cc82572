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
from typing import Any

from pipeline.errors import DataError


@dataclass(frozen=True)
class Family:
    """Where a family keeps what the stages ask it for, each as MODULE:NAME, for `load`."""

    settings: str  # class of `runs.R.train`
    # function (settings, seed, images [N, C, H, W] in [-1, 1], device, labels, world) -> iterator of
    # (name, training); a training is one of models/common/loop.py, with `weights()` to keep
    trainings: str
    # class (metadata, tensors, file): a trained model; see models/common/saved.py
    saved: str
    # class (settings, say): judges a training; see models/common/loop.py
    monitor: str = "pipeline.models.common.watch:Watch"
    # class (training, record, live, progress, picture): records and shows it
    observer: str = "pipeline.models.common.observer:Observer"
    # module of pipeline/evaluation/families: what `metrics` and `figures` show of a model beside its samples
    measured_by: str = "pipeline.evaluation.families.likelihood"
    composed_of: tuple[str, ...] = ()  # other families whose code it uses


FAMILIES = {
    "autoregressive": Family(
        settings="pipeline.config.models.autoregressive.train:Train",
        trainings="pipeline.models.autoregressive.training:trainings",
        saved="pipeline.models.autoregressive.saved:Saved",
    ),
    "baseline": Family(
        settings="pipeline.config.models.baseline.train:Train",
        trainings="pipeline.models.baseline.training:trainings",
        saved="pipeline.models.baseline.saved:Saved",
        measured_by="pipeline.evaluation.families.samples",
    ),
    "flow": Family(
        settings="pipeline.config.models.flow.train:Train",
        trainings="pipeline.models.flow.training:trainings",
        saved="pipeline.models.flow.saved:Saved",
    ),
    "cae": Family(
        settings="pipeline.config.models.cae.train:Train",
        trainings="pipeline.models.cae.training:trainings",
        saved="pipeline.models.cae.saved:Saved",
        measured_by="pipeline.evaluation.families.samples",
    ),
    "dbm": Family(
        settings="pipeline.config.models.dbm.train:Train",
        trainings="pipeline.models.dbm.training:trainings",
        saved="pipeline.models.dbm.saved:Saved",
        composed_of=("rbm",),
    ),
    "dbn": Family(
        settings="pipeline.config.models.dbn.train:Train",
        trainings="pipeline.models.dbn.training:trainings",
        saved="pipeline.models.dbn.saved:Saved",
        composed_of=("rbm",),
    ),
    "gan": Family(
        settings="pipeline.config.models.gan.train:Train",
        trainings="pipeline.models.gan.trainings:trainings",
        monitor="pipeline.models.gan.monitor:Monitor",
        observer="pipeline.models.gan.observer:Observer",
        saved="pipeline.models.gan.saved:Saved",
        measured_by="pipeline.evaluation.families.gan",
    ),
    "gsn": Family(
        settings="pipeline.config.models.gsn.train:Train",
        trainings="pipeline.models.gsn.training:trainings",
        saved="pipeline.models.gsn.saved:Saved",
        measured_by="pipeline.evaluation.families.samples",
    ),
    "rbm": Family(
        settings="pipeline.config.models.rbm.train:Train",
        trainings="pipeline.models.rbm.training:trainings",
        saved="pipeline.models.rbm.saved:Saved",
    ),
}


def saved(about: dict, tensors: dict, where: str) -> Any:
    """The trained model of a file with metadata `about`; DataError if it is of no family. `where`: the file."""
    family = about.get("model")
    if family not in FAMILIES:
        raise DataError(
            f"{where} is a model of {family or 'no family'}, expected one of {', '.join(FAMILIES)}: another "
            "version of this project wrote it. Train it again with: dvc repro"
        )
    from pipeline.models.common.saved import put_together

    return put_together(load(FAMILIES[family].saved), about, tensors, where)


def load(place: str) -> Callable:
    """The object at MODULE:NAME; imports its module."""
    module, _, name = place.partition(":")
    top = __name__.partition(".")[0]  # pipeline, or gan_pipeline: see there
    return getattr(importlib.import_module(top + module.removeprefix("pipeline")), name)
