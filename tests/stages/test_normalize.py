import numpy as np
import pytest
from safetensors.numpy import load_file

from pipeline.config.datasets import Normalize
from pipeline.errors import DataError
from pipeline.io.files import write_npz
from pipeline.io.tensors import read_about
from pipeline.stages import normalize


@pytest.fixture
def raw(tmp_path):
    images = np.random.default_rng(0).integers(0, 256, (10, 3, 2, 1), np.uint8)
    images[0, 0, 0, 0], images[0, 0, 1, 0] = 0, 255
    split = np.array([0] * 7 + [1] * 3, np.uint8)
    write_npz(tmp_path / "raw.npz", images=images, labels=np.arange(10), split=split)
    return tmp_path / "raw.npz", images


def test_pixels_go_to_minus_1_and_1_and_the_last_training_rows_validate(raw, tmp_path, monkeypatch):
    monkeypatch.setattr(normalize, "BLOCK", 2)
    path, images = raw
    normalize.run(Normalize(validation_images=2), path, tmp_path / "out.safetensors")
    tensors = load_file(tmp_path / "out.safetensors")
    expected = images.transpose(0, 3, 1, 2) / 127.5 - 1
    for part, rows in (("train", slice(0, 5)), ("valid", slice(5, 7)), ("test", slice(7, 10))):
        np.testing.assert_allclose(tensors[f"{part}_images"], expected[rows], atol=1e-6)
        assert tensors[f"{part}_labels"].tolist() == list(range(10))[rows]
        assert tensors[f"{part}_images"].dtype == np.float32
    assert tensors["train_images"][0, 0, 0].tolist() == [-1.0, 1.0]


def test_more_validation_images_than_there_are_is_refused(raw, tmp_path):
    with pytest.raises(DataError, match="there are only 7 training images"):
        normalize.run(Normalize(validation_images=7), raw[0], tmp_path / "out.safetensors")
    assert not (tmp_path / "out.safetensors").exists()


def test_a_truncated_raw_file_is_named(raw, tmp_path):
    path, _ = raw
    path.write_bytes(path.read_bytes()[:100])
    with pytest.raises(DataError, match=r"raw\.npz: cannot be read as a \.npz file"):
        normalize.run(Normalize(validation_images=2), path, tmp_path / "out.safetensors")


def test_contrast_normalised_images_have_mean_0_and_the_asked_norm(raw, tmp_path):
    path, images = raw
    out = tmp_path / "out.safetensors"
    normalize.run(Normalize(validation_images=2, gcn=55.0), path, out)
    found = load_file(out)["train_images"].reshape(5, -1)
    np.testing.assert_allclose(found.mean(axis=1), 0, atol=1e-5)
    np.testing.assert_allclose(np.linalg.norm(found, axis=1), 55, rtol=1e-6)
    centred = images[0].ravel() - images[0].mean()
    assert np.corrcoef(found[0], centred)[0, 1] == pytest.approx(1, abs=1e-6)
    assert read_about(out) == {"gcn": 55.0}


def test_an_image_without_contrast_becomes_0():
    assert not normalize.contrast_normalized(np.full((1, 1, 2, 2), 7, np.uint8), 55).any()
