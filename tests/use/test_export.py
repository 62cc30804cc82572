"""export: programs that give what load gives, and one line where there can be none."""

import importlib.util
import io
import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import onnxruntime
import pytest
import torch

from pipeline import load
from pipeline.cli import main
from pipeline.use import play, program
from tests.use.untrained import MLP, NETS, gan

# of torch.export's own code
pytestmark = pytest.mark.filterwarnings("ignore")
ALONE = """
import json, sys, torch
files = {"about.json": ""}
program = torch.export.load(sys.argv[1], extra_files=files).module()
inputs = torch.load(sys.argv[2])
torch.save(program(*inputs), sys.argv[3])
assert json.loads(files["about.json"])["prior"]["name"] == "gaussian"
assert not [name for name in sys.modules if name.startswith(("pipeline", "gan_pipeline"))]
"""


@pytest.fixture
def here(trained: Path, tmp_path: Path, monkeypatch) -> Path:
    (tmp_path / "results").symlink_to(trained / "results")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def inputs(G, count: int) -> tuple:
    """Points, and labels for a conditional model."""
    z = G.latent(count, seed=count)
    names = G.class_names
    return (z, torch.arange(count) % len(names)) if names else (z,)


def expected(G, given: tuple) -> torch.Tensor:
    return G.decode(given[0], label=given[1] if len(given) > 1 else None)


@pytest.mark.parametrize("run", ["digits", "told", "flow", "line"])
def test_a_program_gives_what_load_gives_for_any_number_of_points(here, run: str):
    G = load(f"results/{run}")
    alone = torch.export.load(io.BytesIO(program.pt2(G))).module()
    onnx = onnxruntime.InferenceSession(program.onnx(G))
    for count in (1, 7, 1_000):
        given = inputs(G, count)
        assert torch.equal(alone(*given), expected(G, given))
        named = dict(zip(("z", "label"), (one.numpy() for one in given), strict=False))
        (images,) = onnx.run(None, named)
        # the flow's images are of 256 levels: a number on the edge of one may round to the next
        tolerance = 2 / 255 if run == "flow" else 1e-5
        np.testing.assert_allclose(images, expected(G, given).numpy(), atol=tolerance + 1e-6)


def test_exporting_leaves_torch_as_it_was(here):
    cudnn = torch.backends.cudnn

    def settings() -> tuple:
        return cudnn.conv.fp32_precision, cudnn.rnn.fp32_precision

    before = settings()
    program.pt2(load("results/digits"))
    assert settings() == before


@pytest.mark.parametrize("name", NETS)
def test_every_net_can_be_exported(tmp_path: Path, name: str):
    G = load(gan(tmp_path / "model.safetensors", **NETS[name]))
    alone = torch.export.load(io.BytesIO(program.pt2(G))).module()
    given = inputs(G, 5)
    assert torch.equal(alone(*given), expected(G, given))


def test_a_program_runs_in_another_folder_without_this_project(here, tmp_path: Path):
    assert main(["export", "digits"]) == 0
    G = load("results/digits")
    torch.save(inputs(G, 3), "inputs.pt")
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", ALONE, "digits.pt2", "inputs.pt", "out.pt"],
        capture_output=True,
        text=True,
        env={},
    )
    assert done.returncode == 0, done.stderr
    assert torch.equal(torch.load("out.pt"), G.sample(3, seed=3))


def test_what_is_said_of_a_program_says_how_to_feed_it(here):
    about = program.about(load("results/told"))
    assert about["inputs"] == {"z": ["N", 32], "label": ["N"]}
    assert about["output"] == ["N", 1, 8, 8]
    assert about["class_names"][3] == "class 3"
    session = onnxruntime.InferenceSession(program.onnx(load("results/told")))
    assert json.loads(session.get_modelmeta().custom_metadata_map["about"]) == about


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ("rbm", "of family rbm, draws with chance at every step"),
        ("noisy", "has noise or dropout in G's layers when it samples"),
        ("digits --out digits.bin", "expected a name that ends in one of .pt2"),
        ("flow --out flow.html", "runs fully connected generators (mlp) only"),
        ("line --out line.html", "draws arrays of [1, 1, 1], and a page shows pictures"),
        ("digits --weights best", None),
    ],
)
def test_what_cannot_be_exported_is_one_line(here, capsys, arguments: str, said: str | None):
    if said is None:
        with pytest.raises(SystemExit):
            main(["export", *arguments.split()])
        return
    assert main(["export", *arguments.split()]) == 1
    error = capsys.readouterr().err
    assert said in error
    assert len(error.splitlines()) == 1
    assert [path.name for path in here.iterdir()] == ["results"]


def test_onnx_without_its_packages_is_one_line_with_the_next_step(here, capsys, monkeypatch):
    found = importlib.util.find_spec
    monkeypatch.setattr(
        importlib.util, "find_spec", lambda name: None if name.startswith("onnx") else found(name)
    )
    assert main(["export", "digits", "--out", "digits.onnx"]) == 1
    error = capsys.readouterr().err
    assert "ONNX needs onnx and onnxscript" in error
    assert "pip install -r requirements-onnx.txt" in error
    assert len(error.splitlines()) == 1


@pytest.mark.parametrize(
    ("name", "why"), [("virtual", "VirtualBatchNorm"), ("dcgan", "G is dcgan")]
)
def test_a_page_refuses_nets_that_it_does_not_run(tmp_path: Path, capsys, name: str, why: str):
    file = gan(tmp_path / "model.safetensors", **NETS[name])
    assert main(["export", str(file), "--out", str(tmp_path / "a.html")]) == 1
    assert why in capsys.readouterr().err


def test_a_page_refuses_weights_that_are_too_many(tmp_path: Path, capsys, monkeypatch):
    monkeypatch.setattr(play, "MOST_BYTES", 1000)
    file = gan(tmp_path / "model.safetensors", MLP)
    assert main(["export", str(file), "--out", str(tmp_path / "a.html")]) == 1
    assert "MiB of weights, and a page takes 0 at most; export .pt2" in capsys.readouterr().err


def test_directions_are_unit_and_the_first_changes_the_first_layer_most():
    weight = torch.randn(30, 20, generator=torch.Generator().manual_seed(0))
    found = play.directions(weight, 12)
    assert found.shape == (12, 12)
    assert torch.allclose(found @ found.T, torch.eye(12), atol=1e-5)
    effects = (weight[:, :12] @ found.T).norm(dim=0)
    assert torch.equal(effects, effects.sort(descending=True).values)
    assert effects[0].item() == pytest.approx(
        torch.linalg.matrix_norm(weight[:, :12], 2).item(), rel=1e-5
    )
