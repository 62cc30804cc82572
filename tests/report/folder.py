"""A folder in which the quick recipe seems to have run: params.yaml, dvc.lock, scores, pictures."""

import hashlib
import json
from pathlib import Path
from typing import Any

import yaml
from PIL import Image

from pipeline.config.params import listed, read
from pipeline.io import costs
from pipeline.report.figures import TITLES
from pipeline.report.recorded import GROUPS, STAGES_OF_DATA, STAGES_OF_RUN, lookup
from tests.conftest import ROOT

READ = {  # settings that stages record
    "normalize": ["normalize"],
    "train": ["dataset", "model", "seed", "threads", "train"],
    "sample": ["sample"],
    "parzen": ["parzen"],
}
SCORES: dict[str, Any] = {
    "seed": 0,
    "verdict": "healthy",
    "evaluation": "-",
    "steps": 600,
    "log_likelihood": 5.2,
    "standard_error": 0.5,
    "sigma": 0.2,
    "real_data": 17.6,
    "real_data_error": 1.3,
    "fid": 31.7,
    "precision": 0.774,
    "recall": 0.892,
    "classes_hit": 10,
    "missing_classes": 0,
    "features": "classifier",
    "weights": "ema",
    "jsd": None,
    "jsd_at_least": 0.03,
    "real_fid": 11.8,
    "real_precision": 0.936,
    "real_recall": 0.919,
}


def set_up(folder: Path) -> None:
    """params.yaml and dvc.yaml; nothing has run."""
    for name, source in (("params.yaml", "recipes/quick.yaml"), ("dvc.yaml", "dvc.yaml")):
        (folder / name).write_text((ROOT / source).read_text())


def finish(folder: Path, edge: int = 40, **scores: dict[str, Any]) -> None:
    """As if all runs of params.yaml had run; `scores`: run -> what differs from SCORES."""
    params = read(folder / "params.yaml")
    stages = {}
    for group, name, run in listed(params):
        home = folder / "results" / name
        home.mkdir(parents=True, exist_ok=True)
        content = SCORES | {"dataset": run["dataset"]} | scores.get(name, {})
        verdict = {"verdict": content["verdict"], "reason": "no failure", "hint": "", "steps": 600}
        write(home / "verdict.json", json.dumps(verdict))
        for picture in TITLES:
            noise = Image.effect_noise((edge // 8, edge // 8), 60)
            noise.resize((edge, edge), Image.Resampling.BICUBIC).save(home / f"{picture}.png")
        made = {
            "scores": write(
                folder / f"results/scores/{name}.json", json.dumps(content, indent=2) + "\n"
            )
        }
        for stage in STAGES_OF_RUN:
            section = f"{group}.{name}"
            stages[f"{GROUPS[group]}{stage}@{name}"] = entry(
                params, section, stage, made.get(stage)
            )
    for name in params["datasets"]:
        for stage in STAGES_OF_DATA:
            stages[f"{stage}@{name}"] = entry(params, f"datasets.{name}", stage, None)
    write(folder / "dvc.lock", yaml.safe_dump({"schema": "2.0", "stages": stages}))


def measure(folder: Path, run: str, **measured: Any) -> None:
    """As if the run's model had been trained here, at these costs."""
    model = write(folder / f"results/{run}/model.safetensors", run)
    costs.record(model.with_name("costs.json"), model, **measured)


def entry(params: dict, section: str, stage: str, out: Path | None) -> dict[str, Any]:
    keys = [f"{section}.{key}" for key in READ.get(stage, [])]
    recorded = {"params.yaml": {key: lookup(params, key) for key in keys}}
    outs = [{"path": "/".join(out.parts[-3:]), "md5": md5(out)}] if out else []
    return {"cmd": "true", "params": recorded, "outs": outs}


def write(path: Path, text: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    return path


def md5(path: Path) -> str:
    return hashlib.md5(path.read_bytes()).hexdigest()


def edit(path: Path, old: str, new: str) -> None:
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new))
