"""What a run's `train` may hold, a folder of settings for each family of models."""

import importlib
import pkgutil

from pipeline.config.base import Section

# the values of a run's `model`: the folders beside this file, except `common`
FAMILIES = tuple(
    sorted(found.name for found in pkgutil.iter_modules(__path__) if found.name != "common")
)


def settings_of(family: str) -> type[Section]:
    """The class of `runs.R.train` where `runs.R.model` is `family`, one of FAMILIES."""
    return importlib.import_module(f"{__name__}.{family}.train").Train
