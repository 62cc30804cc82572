"""From samples to figures by hand, on points: many samples are in several files."""

import json

import pytest
from PIL import Image
from ruamel.yaml import YAML

from pipeline.cli import main
from pipeline.evaluation.plots import grids
from pipeline.io import arrays
from pipeline.io.tensors import read_about, read_tensors, write_model
from pipeline.sources import folder, own
from tests.conftest import ROOT

POINTS = 900  # fewer than any stage looks at


@pytest.fixture
def trained(tmp_path, monkeypatch):
    """The `line` run of the quick recipe, shortened."""
    params = YAML(typ="safe").load((ROOT / "recipes/quick.yaml").read_text())
    params["runs"]["line"]["train"] |= {"steps": 40, "log_steps": 20, "grid_steps": 40}
    params["runs"]["line"]["sample"]["count"] = POINTS
    (tmp_path / "params.yaml").write_text(json.dumps(params))  # JSON is YAML
    monkeypatch.chdir(tmp_path)
    for stage in ("download", "normalize", "features", "train"):
        assert main([stage, "line"]) == 0
    return tmp_path / "results/line"


def test_every_stage_sees_all_shards_as_one_array(trained, monkeypatch, capsys):
    seen = []
    for in_one in (POINTS, 400):
        monkeypatch.setattr(arrays, "SHARD_BYTES", 4 * in_one)
        pdf = ["--pdf"] if seen else []
        for stage in (["sample"], ["parzen"], ["metrics"], ["figures", *pdf]):
            assert main([*stage, "line"]) == 0
        apart = ("samples.npy", "costs.json")
        made = [f for f in trained.glob("*.*") if f.name not in apart and f.suffix != ".pdf"]
        seen.append({file.name: file.read_bytes() for file in made})
    assert len(list((trained / "samples").glob("*.npy"))) == 2
    assert {"parzen.json", "metrics.json", "grid.png", "sheet.png"} <= set(seen[0])
    assert json.loads(seen[1]["parzen.json"])["n_samples"] == POINTS
    assert seen[0] == seen[1], "also where PDFs are made beside the PNGs"
    printed = {file.stem for file in trained.glob("*.pdf")}
    assert printed == {"curves", "sigma", "theory", "neighbours", "interpolation", "sheet"}
    said = capsys.readouterr().out
    assert all(f"results/line/{name}.pdf" in said for name in printed)


def test_the_folders_names_label_the_rows_of_a_conditional_run(tmp_path, monkeypatch):
    for kind, grey in (("cats", 60), ("dogs", 200)):
        (tmp_path / kind).mkdir()
        for index in range(20):
            Image.new("L", (8, 8), grey + index).save(tmp_path / kind / f"{index}.png")
    params = YAML(typ="safe").load((ROOT / "recipes/quick.yaml").read_text())
    digest = folder.together(tmp_path, own.digests(folder.pictures(tmp_path)))
    source = {"name": "folder", "path": str(tmp_path), "height": 8, "width": 8, "channels": 1}
    params["datasets"]["digits"] = {
        "source": source | {"digest": digest},
        "normalize": {"validation_images": 6},
    }
    run = params["runs"]["digits"]
    run["train"] |= {"steps": 2, "batch_size": 10, "conditional": {}, "ema": None}
    run["sample"] = {"count": 20}
    run["parzen"] = {"validation_images": 6}
    (tmp_path / "params.yaml").write_text(json.dumps(params))
    monkeypatch.chdir(tmp_path)
    labelled = []
    monkeypatch.setattr(grids, "labelled", lambda sheet, words: labelled.append(words) or sheet)
    for stage in ("download", "normalize", "train", "sample"):
        assert main([stage, "digits"]) == 0
    assert labelled == [["step 0", "step 2"], ["cats", "dogs"]]


def test_a_model_of_no_known_family_is_refused(trained, capsys):
    model = trained / "model.safetensors"
    write_model(model, read_tensors(model), read_about(model) | {"model": "diffusion"})
    assert main(["sample", "line"]) == 1
    assert "is a model of diffusion, expected one of autoregressive" in capsys.readouterr().err
    assert not (trained / "samples.npy").exists()
