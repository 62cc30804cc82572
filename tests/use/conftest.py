"""Small trained models of every family, in a project of their own."""

import json
import os
from pathlib import Path

import pytest
from ruamel.yaml import YAML

from pipeline.cli import main
from tests.conftest import ROOT
from tests.models.examples import EXAMPLES

COUNT = 40  # samples of each run
REJECTED = {"chosen": 0.6, "chosen_of_classes": 0.4}  # the share of samples that D lets through


@pytest.fixture(scope="session")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project's folder: runs `digits` (a GAN with an average), `told` (conditional), `noisy` (noise in G's layers
    when it samples), `line` (points), and one of every other family; `sample` has run."""
    project = tmp_path_factory.mktemp("use")
    quick = YAML(typ="safe").load((ROOT / "recipes/quick.yaml").read_text())
    digits, line = quick["runs"]["digits"], quick["runs"]["line"]
    short = {"steps": 30, "log_steps": 15, "grid_steps": 30}
    gan = {**digits["train"], **short, "instance_noise": {"start": 0.1, "end": 0.1}}
    disturbed = {**gan["generator"], "noise_std": 0.3, "noise_when_sampling": True}
    trains = {
        "digits": gan,
        "told": gan | {"conditional": {"embedding": 8}},
        "chosen": gan,
        "chosen_of_classes": gan | {"conditional": {"embedding": 8}, "ema": None},
        "noisy": gan | {"generator": disturbed, "ema": None},
    }
    runs = {name: digits | {"train": train} for name, train in trains.items()}
    runs["line"] = line | {"train": line["train"] | short}
    for family, train in EXAMPLES.items():
        fewer = train | short if "steps" in train else train
        runs[family] = {**digits, "model": family, "train": fewer}
    for name, run in runs.items():
        weights = "ema" if run["train"].get("ema") else "raw"
        run["sample"] = {"count": COUNT, "weights": weights}
        if name in REJECTED:
            run["sample"]["rejection"] = {"accepted": REJECTED[name]}
        run["seed"] = len(name)
    (project / "params.yaml").write_text(json.dumps({"datasets": quick["datasets"], "runs": runs}))
    before = Path.cwd()
    os.chdir(project)
    try:
        for dataset in quick["datasets"]:
            assert main(["download", dataset]) == main(["normalize", dataset]) == 0
        for name in runs:
            assert main(["train", name]) == main(["sample", name]) == 0
    finally:
        os.chdir(before)
    return project
