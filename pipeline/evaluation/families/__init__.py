"""What is measured and drawn of a trained model beside its samples, a module for each kind of model.

pipeline/models/__init__.py names the module of each family. It has four functions:

- `theory(saved, sample, data, samples, mixture)`: the content of theory.json, `kind` and `warnings` in it; `sample`:
  `runs.R.sample` of params.yaml.
- `curves(saved, rows, verdict, steps)`: the figure of training.tsv.
- `theory_figure(content, steps)`: the figure of theory.json.
- `interpolation(saved, weights, path, test, steps)`: the model along a path from one sample to another;
  `path`: `sample.interpolation` of params.yaml.

`saved`: the trained model, of the family's own class; `weights`: ema or raw; `data`: tensors of
data/normalized/D.safetensors by name; `samples`: [N, C, H, W] in [-1, 1]; `mixture`: the density of the
data where it is known; `steps`: words that begin a title. Importing this imports no family.
"""

import importlib
from types import ModuleType

from pipeline.models import FAMILIES


def of(family: str) -> ModuleType:
    """The module that measures models of `family`, a key of FAMILIES."""
    return importlib.import_module(FAMILIES[family].measured_by)
