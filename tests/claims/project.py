"""A project's results, written by hand: what claims read, without trainings."""

import json
from pathlib import Path
from typing import Any

import torch
from ruamel.yaml import YAML

from pipeline.config.params import Params, validate
from pipeline.io.tensors import write_model
from tests.conftest import ROOT
from tests.models.examples import EXAMPLES


def params(**trains: dict[str, Any]) -> Params:
    """Runs on digits by name, of the GAN of the quick recipe with these settings, or of another `model`."""
    quick = YAML(typ="safe").load((ROOT / "recipes/quick.yaml").read_text())
    runs = {}
    for name, changes in trains.items():
        run = quick["runs"]["digits"]
        changes = dict(changes)
        run = run | {"seed": changes.pop("seed", 0)}
        family = changes.pop("model", "gan")
        train = run["train"] if family == "gan" else EXAMPLES[family]
        run = run | {"model": family, "train": train | changes}
        if family != "gan":
            run["sample"] = {"count": 2000}
        runs[name] = run
    return validate({"datasets": quick["datasets"], "runs": runs}, "here")


def finish(folder: Path, name: str, **files: Any) -> None:
    """As if run `name` had these results: `theory={...}` is theory.json."""
    home = folder / "results" / name
    home.mkdir(parents=True, exist_ok=True)
    write_model(home / "model.safetensors", {"nothing": torch.zeros(1)}, {"model": "gan"})
    for kind, content in files.items():
        (home / f"{kind}.json").write_text(json.dumps(content))
