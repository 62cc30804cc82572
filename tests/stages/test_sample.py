"""From samples to figures by hand, on points: many samples are in several files."""

import json

import pytest
from ruamel.yaml import YAML

from pipeline.cli import main
from pipeline.io import arrays
from pipeline.io.tensors import read_about, read_tensors, write_model
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


def test_every_stage_sees_all_shards_as_one_array(trained, monkeypatch):
    seen = []
    for in_one in (POINTS, 400):
        monkeypatch.setattr(arrays, "SHARD_BYTES", 4 * in_one)
        for stage in ("sample", "parzen", "metrics", "figures"):
            assert main([stage, "line"]) == 0
        apart = ("samples.npy", "costs.json")
        made = [file for file in trained.glob("*.*") if file.name not in apart]
        seen.append({file.name: file.read_bytes() for file in made})
    assert len(list((trained / "samples").glob("*.npy"))) == 2
    assert {"parzen.json", "metrics.json", "grid.png", "sheet.png"} <= set(seen[0])
    assert json.loads(seen[1]["parzen.json"])["n_samples"] == POINTS
    assert seen[0] == seen[1]


def test_a_model_of_no_known_family_is_refused(trained, capsys):
    model = trained / "model.safetensors"
    write_model(model, read_tensors(model), read_about(model) | {"model": "dbn"})
    assert main(["sample", "line"]) == 1
    assert "is a model of dbn, expected one of gan" in capsys.readouterr().err
    assert not (trained / "samples.npy").exists()
