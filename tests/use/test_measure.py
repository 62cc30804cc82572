"""score --dataset: the measures of a run's metrics.json, of anybody's arrays; and those on Inception features."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from torch_fidelity import feature_extractor_inceptionv3 as torch_fidelity

from pipeline.cli import main
from pipeline.io.tensors import read_about, read_tensors, write_model
from pipeline.use import inception
from pipeline.use.measure import read_images


@pytest.fixture(scope="module")
def project(trained: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """`trained`, with extractors, and the metrics of the run `digits`."""
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(trained)
        for dataset in ("digits", "line"):
            assert main(["features", dataset]) == 0
        assert main(["metrics", "digits"]) == 0
    return trained


@pytest.fixture
def here(project: Path, monkeypatch) -> Path:
    monkeypatch.chdir(project)
    return project


def scored(capsys, *arguments: str) -> dict:
    capsys.readouterr()
    assert main(["score", *arguments]) == 0
    return json.loads(capsys.readouterr().out)


def test_a_runs_own_samples_get_the_numbers_of_the_run(here, capsys):
    found = scored(
        capsys,
        "--samples",
        "results/digits/samples.npy",
        "--dataset",
        "digits",
        "--range",
        "-1",
        "1",
    )
    expected = json.loads((here / "results/digits/metrics.json").read_text())
    expected.pop("views")
    assert set(found["metrics"]) == set(expected)
    for name in ("fid", "kid", "precision", "recall", "density", "coverage", "copy_rate"):
        assert found["metrics"][name] == pytest.approx(expected[name], rel=1e-4, abs=1e-6), name
    assert found["metrics"]["real_data"]["fid"] == pytest.approx(
        expected["real_data"]["fid"], rel=1e-4
    )
    assert found["n_test"] == expected["compared"]["n_real"]
    assert found["real_data"] is not None


def test_training_images_are_found_to_be_copies_and_noise_to_be_far_away(here, capsys, tmp_path):
    train = read_tensors(here / "data/normalized/digits.safetensors", ["train_images"])[
        "train_images"
    ]
    np.save(tmp_path / "train.npy", ((train[:, 0] + 1) * 127.5).round().byte().numpy())  # [N, H, W]
    noise = np.random.default_rng(0).uniform(0, 255, (500, 64))
    np.save(tmp_path / "noise.npy", noise)
    copied, far = (
        scored(
            capsys,
            "--samples",
            str(tmp_path / f"{name}.npy"),
            "--dataset",
            "digits",
            "--range",
            "0",
            "255",
        )
        for name in ("train", "noise")
    )
    assert copied["metrics"]["copy_rate"] == 1
    assert copied["metrics"]["fid"] < far["metrics"]["fid"] / 10
    assert far["metrics"]["precision"] < copied["metrics"]["precision"]
    assert copied["log_likelihood"]["mean"] > far["log_likelihood"]["mean"]


@pytest.mark.parametrize("order", ["NCHW", "NHWC", "flat"])
def test_images_are_read_in_any_order_of_axes_that_is_clear(tmp_path, order: str):
    images = np.random.default_rng(0).integers(0, 256, (5, 3, 4, 6), np.uint8)
    given = {"NCHW": images, "NHWC": images.transpose(0, 2, 3, 1), "flat": images.reshape(5, -1)}[
        order
    ]
    np.save(tmp_path / "images.npy", given)
    found = read_images([tmp_path / "images.npy"], (0, 255), (3, 4, 6), "pictures")
    np.testing.assert_allclose(found.numpy(), images / 127.5 - 1, atol=1e-6)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ("--dataset digits --valid samples.npy", "--dataset brings its own images"),
        ("", "give --dataset, or both --valid and --test"),
        ("--valid samples.npy", "give --dataset, or both --valid and --test"),
        ("--dataset nothing", "has no datasets.nothing; it has: digits, line"),
        ("--dataset line --range 0 255", "images of shape [8, 8], but those of line are [1, 1, 1]"),
        ("--dataset digits --range 0 3", "pixels span 0 to"),
        ("--dataset digits --range 1 0", "both must be finite, and HIGH above LOW"),
        ("--valid samples.npy --test samples.npy --inception a.pth", "give --dataset"),
        ("--dataset digits --range 0 255 --inception a.pth", "a.pth is missing: the weights of"),
    ],
)
def test_what_cannot_be_compared_is_one_line(here, capsys, tmp_path, arguments: str, said: str):
    np.save(here / "samples.npy", np.random.default_rng(0).integers(0, 256, (50, 8, 8)))
    assert main(["score", "--samples", "samples.npy", *arguments.split()]) == 1
    error = capsys.readouterr().err
    assert said in error
    assert len(error.splitlines()) == 1


def test_an_extractor_of_other_data_is_one_line(here, capsys):
    file = here / "data/features/digits.safetensors"
    kept = file.read_bytes()
    write_model(file, read_tensors(file), dict(read_about(file)) | {"data": "0123456789abcdef"})
    try:
        arguments = [
            "--samples",
            "results/digits/samples.npy",
            "--dataset",
            "digits",
            "--range",
            "-1",
            "1",
        ]
        assert main(["score", *arguments]) == 1
    finally:
        file.write_bytes(kept)
    error = capsys.readouterr().err
    assert "belongs to other data" in error
    assert len(error.splitlines()) == 1


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A file like torch-fidelity's, of random weights: right in form, not in numbers."""
    kept: list[dict] = []
    file = tmp_path_factory.mktemp("inception") / "weights.pth"
    with pytest.MonkeyPatch.context() as patch:
        net = torch_fidelity.FeatureExtractorInceptionV3
        patch.setattr(torch_fidelity, "load_state_dict_from_url", lambda *_, **__: {})
        patch.setattr(net, "load_state_dict", lambda self, _: kept.append(self.state_dict()))
        torch.manual_seed(0)
        net("inception-v3-compat", ["2048"])
    torch.save(kept[0], file)
    return file


def test_the_net_of_such_a_file_gives_features_and_logits(weights: Path, monkeypatch):
    monkeypatch.setattr(inception, "SHA256", "")
    net = inception.load(weights, (1, 8, 8))
    seen = inception.seen(net, torch.rand(2, 1, 8, 8) * 2 - 1)
    assert seen.features_NF.shape == (2, 2048)
    assert seen.logits_NK is not None and seen.logits_NK.shape == (2, 1008)


def test_the_same_images_are_at_distance_0_and_others_are_not():
    def net(levels):
        features = levels.flatten(1).float() / 255
        return features, features[:, :10]

    images = torch.rand(60, 1, 8, 8, generator=torch.Generator().manual_seed(0)) * 2 - 1
    same = inception.compare(net, images, images)
    other = inception.compare(net, images * 0.1, images)
    assert abs(same["fid"]) < 1e-3 < other["fid"]
    assert same["n_fake"] == same["n_real"] == 60
    assert same["inception_score"] >= 1


def test_colours_reach_the_net_as_bytes(weights: Path):
    given = []

    def net(levels):
        given.append(levels)
        return torch.zeros(len(levels), 2048), torch.zeros(len(levels), 1008)

    inception.seen(net, torch.tensor([-1.0, 0.0, 1.0]).reshape(1, 3, 1, 1))
    assert given[0].dtype == torch.uint8
    assert given[0].flatten().tolist() == [0, 128, 255]


def test_other_weights_than_the_published_are_refused(
    weights: Path, tmp_path: Path, monkeypatch, here, capsys
):
    arguments = [
        "--samples",
        "results/digits/samples.npy",
        "--dataset",
        "digits",
        "--range",
        "-1",
        "1",
    ]
    assert main(["score", *arguments, "--inception", str(weights)]) == 1
    assert "is not torch-fidelity's weights-inception-2015-12-05" in capsys.readouterr().err
    monkeypatch.setattr(inception, "SHA256", "")
    damaged = tmp_path / "damaged.pth"
    damaged.write_bytes(weights.read_bytes()[:-1000])
    assert main(["score", *arguments, "--inception", str(damaged)]) == 1
    error = capsys.readouterr().err
    assert "cannot be read as a file of weights" in error
    assert len(error.splitlines()) == 1
