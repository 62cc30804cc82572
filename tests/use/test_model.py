"""load: what it draws is what `sample` draws; its latent spaces; what it says of mistakes."""

import math
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

from pipeline import load
from pipeline.errors import DataError, RequestError
from pipeline.io.tensors import read_about, read_tensors, write_model
from pipeline.models import FAMILIES
from pipeline.use import model as models
from pipeline.use.program import space_of
from tests.conftest import ROOT
from tests.use.conftest import COUNT, REJECTED

WITH_SPACE = ("digits", "told", "noisy", "line", "flow")
WITHOUT = ("autoregressive", "baseline", "rbm", "dbn", "dbm", "gsn", "cae")


@pytest.fixture
def G(trained: Path):
    return load(trained / "results/digits")


@pytest.fixture
def told(trained: Path):
    return load(trained / "results/told")


@pytest.mark.parametrize("name", [*WITH_SPACE, *WITHOUT])
def test_samples_are_those_of_the_stage_with_its_seed(trained: Path, name: str):
    drawn = np.load(trained / f"results/{name}/samples.npy")
    model = load(trained / "results" / name)
    own = model.sample(COUNT, seed=len(name))
    assert own.dtype == torch.float32
    # points are drawn 1,000 at a time, whatever the count: the last rows of fewer may be others
    same = COUNT - 16 if name in WITH_SPACE else COUNT
    torch.testing.assert_close(own[:same], torch.from_numpy(drawn)[:same], atol=1e-5, rtol=0)
    assert not torch.equal(own, model.sample(COUNT, seed=99))


@pytest.mark.parametrize("name", REJECTED)
def test_samples_that_d_lets_through_are_those_of_the_stage(trained: Path, name: str):
    drawn = torch.from_numpy(np.load(trained / f"results/{name}/samples.npy"))
    model = load(trained / "results" / name)
    kept = model.sample(COUNT, rejection=REJECTED[name], seed=len(name))
    torch.testing.assert_close(kept, drawn, atol=1e-5, rtol=0)
    all_of_them = model.sample(10 * COUNT, seed=len(name))
    apart = (kept.flatten(1)[:, None] - all_of_them.flatten(1)).abs().amax(dim=2)
    assert apart.amin(dim=1).max() < 1e-5
    assert not torch.equal(kept, all_of_them[:COUNT])


def test_every_family_is_tried():
    assert {*WITH_SPACE, *WITHOUT} >= set(FAMILIES) - {"gan"}


@pytest.mark.parametrize("name", WITH_SPACE)
def test_the_first_of_many_are_those_of_few_in_any_order_of_calls(
    trained: Path, name: str, monkeypatch
):
    monkeypatch.setattr(models, "BLOCK", 10)
    model = load(trained / "results" / name)
    many = model.sample(25)
    if name != "noisy":  # the noise in its layers depends on the number of images
        torch.testing.assert_close(model.sample(4), many[:4], atol=1e-6, rtol=0)
    assert torch.equal(model.sample(25), many)


def test_a_run_its_file_and_its_name_are_the_same_model(trained: Path, monkeypatch):
    monkeypatch.chdir(trained)
    file = "results/digits/model.safetensors"
    drawn = [
        load(where).sample(3) for where in (Path("results/digits"), file, "digits", trained / file)
    ]
    assert all(torch.equal(images, drawn[0]) for images in drawn)


def test_average_and_raw_weights_differ_and_the_average_is_taken_by_default(trained: Path):
    folder = trained / "results/digits"
    ema, raw = load(folder, "ema"), load(folder, weights="raw")
    assert load(folder).weights == "ema"
    assert torch.equal(load(folder).sample(3), ema.sample(3))
    assert not torch.equal(ema.sample(3), raw.sample(3))
    assert load(trained / "results/noisy").weights == "raw"


def test_a_sample_is_what_its_point_of_the_latent_space_decodes_to(G):
    z = G.latent(5, seed=7)
    assert z.shape == (5, 32)
    assert torch.equal(G.decode(z), G.sample(5, seed=7))
    torch.testing.assert_close(G.decode(z[2]), G.sample(5, seed=7)[2:3], atol=1e-6, rtol=0)


def test_paths_end_at_both_points_and_the_great_circle_is_the_gaussians(G):
    a, b = G.latent(2, seed=3)
    for path in ("line", "great_circle", None):
        drawn = G.interpolate(a, b, 5, path=path)
        assert drawn.shape == (5, 1, 8, 8)
        torch.testing.assert_close(drawn[[0, -1]], G.decode(torch.stack([a, b])), atol=1e-5, rtol=0)
    assert torch.equal(G.interpolate(a, b, 5), G.interpolate(a, b, 5, path="great_circle"))
    middle = G.interpolate(a, b, 3, path="line")[1]  # a great circle's has the norm of the ends
    torch.testing.assert_close(middle, G.decode((a + b) / 2)[0], atol=1e-5, rtol=0)
    between_seeds = G.interpolate(G.latent(seed=1)[0], G.latent(seed=2)[0], 3)
    assert torch.equal(G.interpolate(1, 2, 3), between_seeds)


def test_truncation_cuts_the_tails_and_nothing_else(G):
    z = G.latent(2_000, truncation=1.0)
    assert z.abs().max() <= 1
    # the variance of N(0, 1) cut at 1: 1 - 2 phi(1) / (2 Phi(1) - 1)
    phi, inside = math.exp(-0.5) / math.sqrt(2 * math.pi), math.erf(1 / math.sqrt(2))
    assert z.var().item() == pytest.approx(1 - 2 * phi / inside, abs=0.005)
    kept = (plain := G.latent(1_000)).abs() <= 1
    assert torch.equal(G.latent(1_000, truncation=1.0)[kept], plain[kept])
    assert torch.equal(G.sample(4, truncation=1.0), G.decode(G.latent(4, truncation=1.0)))


def test_labels_are_numbers_names_a_list_or_each(told):
    three = told.sample(4, label=3)
    assert torch.equal(told.sample(4, label="3"), three)
    assert torch.equal(told.sample(4, label=[3, 3, 3, 3]), three)
    assert torch.equal(told.sample(4, label=told.class_names[3]), three)
    assert torch.equal(told.sample(12, label="each"), told.sample(12, label=[*range(10), 0, 1]))
    assert not torch.equal(told.sample(4, label=4), three)
    assert torch.equal(told.sample(4, label=np.int64(3), seed=np.uint8(0)), three)
    assert torch.equal(told.sample(4, label=np.full(4, 3)), three)
    assert torch.equal(told.sample(4, label=torch.tensor(3)), three)
    way = told.interpolate(0, 1, 2, label=3)
    assert torch.equal(told.interpolate(np.int64(0), 1, 2, label=3), way)
    assert told.interpolate(0, 1, 4, label=2).shape == (4, 1, 8, 8)


def test_pictures_have_the_levels_of_the_images(G, trained: Path):
    images = G.sample(3)
    pictures = G.to_pil(images)
    assert [picture.mode for picture in pictures] == ["L"] * 3
    back = torch.from_numpy(np.stack([np.asarray(picture) for picture in pictures])) / 127.5 - 1
    assert (back - images[:, 0].clamp(-1, 1)).abs().max() <= 1 / 255 + 1e-6
    assert G.to_pil(images.expand(3, 3, 8, 8))[0].mode == "RGB"
    with pytest.raises(RequestError, match="draws points, which are no pictures"):
        line = load(trained / "results/line")
        line.to_pil(line.sample(3))


@pytest.mark.parametrize(
    ("ask", "said"),
    [
        (
            lambda G, told: told.decode(told.latent(2)),
            "give label .*, 0 to 9 or a name of class 0, class 1",
        ),
        (lambda G, told: told.sample(2, label=10), "knows no class 10; it has 0 to 9"),
        (lambda G, told: told.sample(2, label=-1), "knows no class -1"),
        (lambda G, told: told.sample(2, label="cat"), "knows no class 'cat'"),
        (lambda G, told: told.sample(2, label=True), "knows no class True"),
        (lambda G, told: told.sample(2, label=2.5), "knows no class 2.5"),
        (lambda G, told: told.sample(2, label=[1, 2, 3]), "3 labels for 2 images"),
        (lambda G, told: G.sample(2, label=3), "is told no class"),
        (lambda G, told: G.sample(0), "count is 0, expected a whole number from 1"),
        (lambda G, told: G.sample(2.5), "count is 2.5"),
        (lambda G, told: G.sample(2, seed=-1), "seed is -1"),
        (lambda G, told: G.sample(2, truncation=0), "truncation is 0"),
        (lambda G, told: G.sample(2, truncation=float("nan")), "truncation is nan"),
        (lambda G, told: G.decode(torch.zeros(2, 31)), r"expected \[N, 32\] or \[32\]"),
        (lambda G, told: G.decode(torch.full((1, 32), torch.nan)), "must be finite"),
        (lambda G, told: G.interpolate(0, 1, 1), "steps is 1, expected a whole number from 2"),
        (lambda G, told: G.interpolate(0, 1, path="spiral"), "path is 'spiral', expected one of"),
        (lambda G, told: load(G.file, "best"), "weights is 'best', expected ema or raw"),
        (lambda G, told: load(G.file.parents[1] / "noisy", "ema"), "has no average of weights"),
        (lambda G, told: load("nowhere"), "there is no model at nowhere, nor one at"),
        (lambda G, told: load(G.file.parents[1]), "results holds no model.safetensors"),
        (
            lambda G, told: load(G.file.parents[1] / "rbm").latent(),
            "latent needs a latent space, which gan and flow models have",
        ),
        (
            lambda G, told: load(G.file.parents[1] / "rbm").sample(truncation=1.0),
            "truncation needs a latent space",
        ),
        (
            lambda G, told: load(G.file.parents[1] / "rbm").sample(rejection=0.5),
            "rejection asks the discriminator of a gan, and .* is of family rbm",
        ),
        (lambda G, told: G.sample(rejection=1.5), "rejection is 1.5; expected the share"),
        (lambda G, told: G.sample(rejection=0.5, truncation=1.0), "exclude each other"),
        (lambda G, told: told.sample(2, label=[1, 2], rejection=0.5), "not a list of labels"),
    ],
)
def test_a_request_that_cannot_be_met_is_one_line(G, told, ask, said: str):
    with pytest.raises(RequestError, match=said) as raised:
        ask(G, told)
    assert isinstance(raised.value, ValueError)
    assert "\n" not in str(raised.value)


def cut(file: Path) -> None:
    file.write_bytes(file.read_bytes()[:-100])


def foreign(file: Path) -> None:
    from safetensors.torch import save_file

    save_file({"weight": torch.zeros(3)}, file)


def other_version(file: Path) -> None:
    about = dict(read_about(file))
    write_model(file, read_tensors(file), about | {"train": {**about["train"], "magic": 3}})


def other_net(file: Path) -> None:
    about, tensors = read_about(file), read_tensors(file)
    write_model(file, {name: torch.zeros(3) for name in tensors}, about)


def diverged(file: Path) -> None:
    lost = {name: one * torch.nan for name, one in read_tensors(file).items()}
    write_model(file, lost, dict(read_about(file)))


@pytest.mark.parametrize(
    ("run", "ask"),
    [
        ("digits", lambda model: model.sample(3)),
        ("told", lambda model: model.decode(model.latent(3), label=1)),
        ("told", space_of),
        ("flow", space_of),
        ("autoregressive", lambda model: model.sample(3)),
    ],
)
def test_a_model_that_has_diverged_draws_nothing_and_is_not_exported(
    trained: Path, tmp_path: Path, run: str, ask
):
    file = tmp_path / "model.safetensors"
    file.write_bytes((trained / f"results/{run}/model.safetensors").read_bytes())
    diverged(file)
    with pytest.raises(DataError) as found:
        ask(load(file))
    assert str(file) in str(found.value)


@pytest.mark.parametrize(
    ("damage", "said"),
    [
        (cut, "cannot be read as a .safetensors file"),
        (foreign, "is a model of no family, expected one of autoregressive"),
        (other_version, "written by another version of this project: its setting train.magic"),
        (other_net, "cannot be read as a gan model"),
    ],
)
def test_a_file_that_is_no_model_of_this_version_is_one_line(G, tmp_path: Path, damage, said: str):
    file = tmp_path / "model.safetensors"
    file.write_bytes(G.file.read_bytes())
    damage(file)
    with pytest.raises(DataError, match=said) as raised:
        load(file)
    assert "\n" not in str(raised.value)


USER = """
import sys
from gan_pipeline import load, __version__
assert "torch" not in sys.modules
import pipeline
assert pipeline.MINE == 3
from pipeline.errors import Theirs
for name in ("digits", "flow", "rbm"):
    G = load(sys.argv[1] + "/" + name)
    print(name, G.sample(5, seed=4).double().sum().item())
try:
    G.sample(0)
except ValueError as error:
    print(type(error).__module__, error)
assert {name for name in sys.modules if name.split(".")[0] == "pipeline"} == {"pipeline", "pipeline.errors"}
"""


def test_it_works_beside_a_folder_pipeline_of_the_users_own(trained: Path, tmp_path: Path):
    (tmp_path / "pipeline").mkdir()
    (tmp_path / "pipeline/__init__.py").write_text("MINE = 3\n")
    (tmp_path / "pipeline/errors.py").write_text("Theirs = 4\n")
    (tmp_path / "user.py").write_text(USER)
    done = subprocess.run(
        [sys.executable, "user.py", str(trained / "results")],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        env={"PYTHONPATH": str(ROOT)},
    )
    assert done.returncode == 0, done.stderr
    expected = [
        f"{name} {load(trained / 'results' / name).sample(5, seed=4).double().sum().item()}"
        for name in ("digits", "flow", "rbm")
    ]
    expected.append("gan_pipeline.errors count is 0, expected a whole number from 1 on")
    assert done.stdout.splitlines() == expected


@pytest.mark.parametrize("name", ["pipeline", "gan_pipeline"])
def test_importing_load_imports_no_torch(name: str):
    code = f"import sys; from {name} import load; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], cwd=ROOT).returncode == 0
