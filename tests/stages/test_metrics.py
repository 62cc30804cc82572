"""The stages features, metrics and theory on small data, good and bad."""

import numpy as np
import pytest
import torch

from pipeline.compute.streams import generator
from pipeline.config.datasets import Digits, Normalize
from pipeline.errors import DataError
from pipeline.evaluation import extractors
from pipeline.io.files import read_json
from pipeline.io.tensors import read_about, read_tensors
from pipeline.stages import download, features, metrics, normalize, parzen


@pytest.fixture(scope="module")
def digits(tmp_path_factory: pytest.TempPathFactory):
    """A folder with raw.npz, data.safetensors and features.safetensors of scikit-learn's digits."""
    folder = tmp_path_factory.mktemp("digits")
    source = Digits(name="digits")
    download.run(source, folder / "raw.npz", folder / "raw.json")
    data = folder / "data.safetensors"
    normalize.run(Normalize(validation_images=300), folder / "raw.npz", data)
    features.run("digits", source, data, folder / "features.safetensors", folder / "features.json")
    return folder


@pytest.fixture(scope="module")
def parts(digits):
    return read_tensors(digits / "data.safetensors")


@pytest.fixture(scope="module")
def extractor(digits):
    path = digits / "features.safetensors"
    return read_about(path), read_tensors(path)


def test_the_classifier_knows_digits_of_writers_it_never_saw(digits):
    assert read_json(digits / "features.json")["test_accuracy"] > 0.9


def test_the_same_data_give_the_same_classifier(digits, parts, extractor):
    labels = parts["train_labels"]
    again = extractors.train_classifier(
        parts["train_images"], labels, 10, generator(features.SEED, "features")
    )
    assert all(torch.equal(again[key], tensor) for key, tensor in extractor[1].items())


def test_real_images_score_like_real_images(parts, extractor):
    """Training images in the place of samples, others than those of the real-data row."""
    result = metrics.evaluate(parts["valid_images"], parts, *extractor)
    real = result["real_data"]
    assert result["classes_hit"] == 10
    assert result["fid"] < 3 * real["fid"]
    assert result["precision"] == pytest.approx(real["precision"], abs=0.1)
    assert result["duplicate_rate"] < 0.2
    assert result["copy_rate"] < 0.2
    assert result["compared"]["n_real"] == 297
    assert result["compared"]["extractor"]["kind"] == "classifier"


def test_settings_are_chosen_by_validation_images_not_by_test_images(tmp_path, digits, parts):
    np.save(tmp_path / "samples.npy", parts["valid_images"].numpy())  # as near to them as can be
    files = {"model": digits, "metrics": tmp_path / "m.json", "theory": tmp_path / "t.json"}
    data = {"data": digits / "data.safetensors", "features": digits / "features.safetensors"}
    inputs = metrics.Paths(
        samples=tmp_path / "samples.npy", views=tmp_path / "views", **files, **data
    )
    result = metrics.on_validation("digits", 1, inputs)
    assert result["fid"] == pytest.approx(0, abs=0.01)
    assert result["precision"] == result["recall"] == 1
    assert result["compared"]["split"] == "validation"
    assert result["compared"]["n_real"] == 300
    assert [path.name for path in tmp_path.iterdir()] == ["samples.npy"]  # nothing is written


def test_the_order_of_the_test_images_decides_nothing(parts, extractor, monkeypatch):
    """They are compared all; or, where that costs too much, a random choice, not the first (of MNIST's
    files, the first half is of other writers than the second)."""
    order = parts["test_labels"].argsort()
    by_class = parts | {key: parts[key][order] for key in ("test_images", "test_labels")}
    before, whole = (
        metrics.evaluate(parts["valid_images"], p, *extractor) for p in (parts, by_class)
    )
    for key in ("precision", "recall", "density", "coverage", "copy_rate"):
        assert whole[key] == pytest.approx(before[key], rel=1e-5), key
    assert whole["compared"]["neighbour_images"] == whole["compared"]["copy_images"] == "all"

    monkeypatch.setattr(metrics.metrics, "NEIGHBOUR_POINTS", 90)  # the first are 0, 1 and 2 only
    monkeypatch.setattr(metrics, "COPY_IMAGES", 90)
    chosen = metrics.evaluate(parts["valid_images"], by_class, *extractor)
    assert chosen["compared"]["neighbour_images"] == "90 of 297, chosen at random with seed 0"
    assert chosen["compared"]["copy_images"] == "90 of 297, chosen at random with seed 0"
    assert chosen["precision"] > 0.8  # of the first 90: 0.63
    assert chosen["density"] > 0.8  # of the first 90: 0.4


def test_copies_of_training_images_are_found_out(parts, extractor):
    result = metrics.evaluate(parts["train_images"][:600].clone(), parts, *extractor)
    assert result["copy_rate"] == 1
    assert result["nearest_training_image"] < 1e-2


def test_collapse_is_a_number_and_a_warning(parts, extractor):
    """The Helvetica scenario: one image, over and over."""
    same = parts["train_images"][:1].repeat(500, 1, 1, 1)
    result = metrics.evaluate(same, parts, *extractor)
    assert result["classes_hit"] == 1
    assert result["class_distance"] > 0.8
    assert result["inception_score"] == pytest.approx(1)
    assert result["recall"] == 0
    assert result["duplicate_rate"] == 1
    assert (
        "all samples are the same: the generator has collapsed to one point" in result["warnings"]
    )
    assert "only 1 of 10 classes are generated" in result["warnings"]


def test_noise_is_far_from_everything(parts, extractor):
    noise = torch.rand(600, 1, 8, 8, generator=generator(0, "noise")) * 2 - 1
    result = metrics.evaluate(noise, parts, *extractor)
    assert result["fid"] > 5 * result["real_data"]["fid"]
    # precision stays at 0.7: the balls around the few real outliers are large, density counts them once
    assert result["density"] < result["real_data"]["density"] / 2
    assert result["coverage"] < 0.2
    assert result["nearest_training_image"] > result["real_data"]["nearest_training_image"]


def save(path, array):
    np.save(path, array.astype(np.float32))
    return path


def test_samples_that_cannot_be_measured_are_refused(tmp_path, parts, extractor):
    bad = np.zeros((20, 1, 8, 8))
    for lost in (np.nan, -np.inf, 1e25):  # whose square is infinite in single precision
        bad[3, 0, 1, 1] = lost
        file = save(tmp_path / "nan.npy", bad)
        with pytest.raises(DataError, match="1 of 20 samples hold NaN, infinite or huge"):
            metrics.read_samples(file, (1, 8, 8))
        with pytest.raises(DataError, match=r"nan\.npy: holds NaN, infinite or huge values"):
            parzen.finite(file, parzen.Pixels(bad))
    with pytest.raises(DataError, match=r"shape \[1, 28, 28\]"):
        metrics.read_samples(save(tmp_path / "big.npy", np.zeros((9, 1, 28, 28))), (1, 8, 8))
    with pytest.raises(DataError, match=r"4 samples cannot be compared .* at least 6"):
        metrics.evaluate(parts["train_images"][:4], parts, *extractor)


def test_a_feature_model_of_another_dataset_is_refused(digits, parts):
    other = parts["test_images"].flip(0)
    with pytest.raises(DataError, match=r"belongs to other data .* dvc repro features@mine"):
        metrics.read_extractor(digits / "features.safetensors", "mine", other)


def test_a_class_that_is_missing_is_said(parts, capsys):
    kept = parts["valid_labels"] != 7
    less = parts | {key: parts[key][kept] for key in ("valid_images", "valid_labels")}
    warnings = list(features.missing_classes(less, 10))
    assert warnings == [
        "no valid image is of class 7: what is said of these classes is not measured"
    ]
    trained = parts["train_labels"] != 7
    without = parts | {"train_labels": parts["train_labels"][trained]}
    with pytest.raises(
        DataError, match=r"the valid images have classes \[7\], but no training image"
    ):
        features.known_classes(without, "mine")


def test_without_labels_the_features_are_principal_components(parts):
    unlabelled = parts | {"train_labels": torch.full_like(parts["train_labels"], -1)}
    kind, tensors, classes, warnings = features.fit(Digits(name="digits"), unlabelled, "faces")
    assert (kind, classes, len(warnings)) == ("components", None, 1)
    about = {"kind": kind, "classes": None, "test_accuracy": None}
    result = metrics.evaluate(parts["valid_images"], parts, about, tensors)
    assert result["inception_score"] is None and result["classes_hit"] is None
    assert result["fid"] < 3 * result["real_data"]["fid"]
    x = parts["test_images"].flatten(1).double()
    kept = extractors.extract(kind, tensors, parts["test_images"])[0].square().sum()
    assert kept > 0.9 * (x - tensors["mean"]).square().sum()
