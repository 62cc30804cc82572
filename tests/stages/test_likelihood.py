"""log p of a decoder: one entry through the stage on the digits, and with a linear G whose log p is known."""

import copy
import json
import math

import pytest
import torch
from ruamel.yaml import YAML

from pipeline.cli import main
from pipeline.compute.streams import generator
from pipeline.config.likelihood import Likelihood
from pipeline.io.tensors import read_about, read_tensors
from pipeline.models.gan.nets import generator_of
from pipeline.models.gan.saved import Saved
from pipeline.stages import likelihood
from tests.conftest import ROOT

ENTRY = {
    "run": "digits",
    "dataset": "digits",
    "seed": 0,
    "threads": 1,
    "images": 8,
    "simulated_images": 4,
    "chains": 4,
    "temperatures": 30,
    "hmc": {"leapfrog_steps": 3},
    "sigma_search": {"points": 3, "images": 2, "temperatures": 20},
}
ENCODER = {
    "hidden": [32],
    "activation": "relu",
    "init": {"name": "he"},
    "optimizer": {"name": "adam", "lr": 1e-3},
}


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory):
    """A folder with a GAN of a uniform prior and a VAE, both trained for a few steps."""
    folder = tmp_path_factory.mktemp("likelihood")
    quick = YAML(typ="safe").load((ROOT / "recipes/quick.yaml").read_text())
    gan = quick["runs"]["digits"]
    gan["train"] |= {"steps": 20, "noise": {"prior": "uniform", "dim": 4}}
    gan["train"]["instance_noise"] = {}
    vae = copy.deepcopy(gan)
    vae["train"]["noise"]["prior"] = "gaussian"
    vae["train"]["autoencoder"] = {"name": "vae", "encoder": ENCODER, "pixel_std": 0.3}
    params = {
        "datasets": {"digits": quick["datasets"]["digits"]},
        "runs": {"digits": gan, "vae": vae},
        "likelihoods": {"digits": ENTRY, "of_vae": ENTRY | {"run": "vae", "sigma": 0.2}},
    }
    del params["likelihoods"]["of_vae"]["sigma_search"]
    (folder / "params.yaml").write_text(json.dumps(params))  # JSON is YAML
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        for command in (
            ["download", "digits"],
            ["normalize", "digits"],
            ["train", "digits"],
            ["train", "vae"],
        ):
            assert main(command) == 0
    return folder


@pytest.fixture
def here(data, monkeypatch):
    monkeypatch.chdir(data)
    return data


def result(folder, name):
    return json.loads((folder / f"results/likelihoods/{name}.json").read_text())


def test_the_same_params_give_the_same_bytes(here):
    written = []
    for _ in range(2):
        assert main(["likelihood", "digits"]) == 0
        written.append(
            [
                (here / folder / "digits.json").read_bytes()
                for folder in ("results/likelihoods", "results/scores/likelihoods")
            ]
        )
    assert written[0] == written[1]
    found = result(here, "digits")
    assert found["prior"] == "uniform" and found["latent"] == 4
    assert len(found["log_p"]) == found["images"] == 8
    assert found["log_likelihood"]["mean"] == pytest.approx(sum(found["log_p"]) / 8, abs=0.01)
    best = max(found["sigma_search"], key=lambda point: point["log_likelihood"])
    assert found["sigma"] == best["sigma"] and len(found["sigma_search"]) == 3
    assert found["elbo"] is None
    levels = 64 * math.log(256)
    bits = (levels - found["log_likelihood"]["mean"]) / 64 / math.log(2)
    assert found["bits_per_pixel"] == pytest.approx(bits, abs=1e-3)


def test_of_a_vae_the_encoders_bounds_stand_beside(here):
    assert main(["likelihood", "of_vae"]) == 0
    found = result(here, "of_vae")
    assert found["sigma"] == 0.2 and found["sigma_search"] == []
    assert found["elbo"]["mean"] <= found["iwae"]["mean"]
    scores = json.loads((here / "results/scores/likelihoods/of_vae.json").read_text())
    assert scores["run"] == "vae" and scores["log_p_kind"] == "AIS"
    assert scores["elbo"] == pytest.approx(found["elbo"]["mean"], abs=1)


def test_an_entry_that_is_not_there_is_named(here, capsys):
    assert main(["likelihood", "nobody"]) == 1
    assert "has no likelihoods.nobody; it has: digits, of_vae" in capsys.readouterr().err


def test_a_device_that_is_not_there_is_refused_by_its_key(here, capsys):
    if torch.cuda.is_available():
        pytest.skip("this machine has CUDA")
    params = json.loads((here / "params.yaml").read_text())
    params["likelihoods"]["on_gpu"] = ENTRY | {"device": "cuda"}
    (here / "params.yaml").write_text(json.dumps(params))
    assert main(["likelihood", "on_gpu"]) == 1
    assert "likelihoods.on_gpu.device is cuda" in capsys.readouterr().err


def linear_gan(about: dict) -> tuple[Saved, torch.Tensor]:
    """The run of `about` with G(z) = W z: its hidden layers are relu(z), relu(-z). Also W [64, 4], pixels in [0, 1]."""
    about = copy.deepcopy(about)
    about["train"]["autoencoder"] = None
    about["train"]["noise"]["prior"] = "gaussian"
    about["train"]["generator"] |= {"output": "linear", "norm": "none", "hidden": [8]}
    train = Saved(about, {}, "").train
    G = generator_of(train, about["image_shape"], about["classes"], generator(0, "layers"))
    first, last = (layer for layer in G.modules() if isinstance(layer, torch.nn.Linear))
    slope_DZ = torch.randn(64, 4, generator=torch.Generator().manual_seed(0)) * 0.4
    with torch.no_grad():
        for layer in (first, last):
            layer.bias.zero_()
        first.weight.copy_(torch.cat([torch.eye(4), -torch.eye(4)]))
        last.weight.copy_(torch.cat([slope_DZ, -slope_DZ], dim=1))
    weights = {f"generator.{key}": value for key, value in G.state_dict().items()}
    return Saved(about, weights, ""), slope_DZ.double() / 2


def test_a_linear_generator_has_the_log_likelihood_of_probabilistic_pca(here):
    about = json.loads(json.dumps(read_about(here / "results/digits/model.safetensors")))
    saved, slope_DZ = linear_gan(about)
    settings = Likelihood.model_validate(
        ENTRY | {"sigma": 0.2, "temperatures": 150, "chains": 16, "simulated_images": 8}
    )
    data = read_tensors(here / "data/normalized/digits.safetensors", ["test_images"])
    test = data["test_images"][:8]
    model = likelihood.Model(saved, "raw", torch.device("cpu"))
    found = likelihood.evaluate("linear", settings, model, {"test": test, "valid": test})
    covariance = slope_DZ @ slope_DZ.T + 0.2**2 * torch.eye(64, dtype=torch.float64)
    mean_D = torch.full((64,), 0.5, dtype=torch.float64)
    law = torch.distributions.MultivariateNormal(mean_D, covariance)
    known_M = law.log_prob(likelihood.grey(test, 0, "test").double())
    assert found["log_p"] == pytest.approx(known_M.tolist(), abs=1.5)
    assert found["log_likelihood"]["mean"] == pytest.approx(known_M.mean().item(), abs=0.5)
    assert abs(found["simulated"]["gap"]["mean"]) < 1
