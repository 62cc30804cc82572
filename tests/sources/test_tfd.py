"""On a file of TFD's format: the real one is given out by its makers only."""

import os

import numpy as np
import pytest
from scipy.io import savemat

from pipeline.config.datasets import Normalize, Tfd
from pipeline.config.parzen import Parzen, SigmaGrid
from pipeline.errors import SourceError
from pipeline.evaluation.real_data import to_unit
from pipeline.io.files import read_json, write_npz
from pipeline.io.tensors import read_tensors
from pipeline.io.views import write_samples
from pipeline.sources import tfd as source
from pipeline.stages import normalize, parzen

UNLABELED, LABELED = 40, 60


@pytest.fixture
def mat(tmp_path):
    """Test parts are disjoint and cover the labelled images; a fold validates on the next one's test part."""
    random = np.random.default_rng(0)
    count = UNLABELED + LABELED
    images = random.integers(0, 256, (count, 48, 48), np.uint8)
    folds = np.zeros((count, 5), np.uint8)
    for fold in range(5):
        turn = (np.arange(LABELED) - fold) % 5
        folds[UNLABELED:, fold] = np.select([turn == 0, turn == 1], [3, 2], 1)
    expression = np.full((count, 1), -1, np.int16)
    expression[UNLABELED:, 0] = 1 + np.arange(LABELED) % 7
    savemat(tmp_path / "TFD_48x48.mat", {"images": images, "folds": folds, "labs_ex": expression})
    return tmp_path / "TFD_48x48.mat", images, folds


def normalized(mat, tmp_path, fold: int):
    raw = source.fetch(Tfd(name="tfd", path=str(mat[0]), fold=fold))
    write_npz(
        tmp_path / "raw.npz",
        images=raw.images,
        labels=raw.labels,
        split=raw.split,
        folds=raw.folds,
    )
    normalize.run(Normalize(), tmp_path / "raw.npz", tmp_path / "tfd.safetensors")
    return read_tensors(tmp_path / "tfd.safetensors")


@pytest.mark.parametrize("fold", [0, 3])
def test_it_trains_on_the_unlabeled_and_tests_on_the_fold(mat, tmp_path, fold):
    _, images, folds = mat
    tensors = normalized(mat, tmp_path, fold)
    for part, code in (("train", 0), ("valid", 2), ("test", 3)):
        expected = images[folds[:, fold] == code][:, None] / 127.5 - 1
        np.testing.assert_allclose(tensors[f"{part}_images"], expected, atol=1e-6)
    assert (tensors["train_labels"] == -1).all()
    assert set(tensors["test_labels"].tolist()) == set(range(7))
    assert tensors["fold_images"].shape == (LABELED, 1, 48, 48)


def test_the_parzen_estimate_is_the_mean_over_folds_and_the_error_is_across_them(
    mat, tmp_path, capsys
):
    tensors = normalized(mat, tmp_path, 0)
    samples = tensors["train_images"].numpy()
    settings = Parzen(sigma_grid=SigmaGrid(points=4), fine=False, real_data_images=0)
    out = tmp_path / "parzen.json"
    written, views = tmp_path / "samples.npy", tmp_path / "views"
    write_samples(written, views, None, (), samples.shape, [[samples]])
    parzen.run("faces", settings, 1, written, views, tmp_path / "tfd.safetensors", out)
    result = read_json(out)
    said = capsys.readouterr().err.splitlines()
    assert said == [f"parzen faces: warning: {warning}" for warning in result["warnings"]] != []

    alone = []
    for fold in range(5):
        parts = normalized(mat, tmp_path, fold)
        valid, test = (to_unit(parts[f"{part}_images"]) for part in ("valid", "test"))
        one = parzen.evaluate(settings, parzen.Pixels(samples), valid, test, valid[:0])
        alone.append(one["log_likelihood"]["mean"])
    assert result["log_likelihood"]["mean"] == pytest.approx(np.mean(alone), abs=1e-3)
    assert result["log_likelihood"]["standard_error"] == pytest.approx(
        np.std(alone) / 5**0.5, abs=1e-3
    )
    assert [fold["mean"] for fold in result["folds"]] == pytest.approx(alone, abs=1e-3)


def test_a_missing_or_other_file_is_named(tmp_path):
    with pytest.raises(SourceError, match=r"TFD_48x48\.mat is missing.*on request"):
        source.fetch(Tfd(name="tfd", path=str(tmp_path / "TFD_48x48.mat")))
    (tmp_path / "no.mat").write_bytes(b"not a matlab file at all, but long enough" * 10)
    with pytest.raises(SourceError, match="cannot be read as a MATLAB file"):
        source.fetch(Tfd(name="tfd", path=str(tmp_path / "no.mat")))
    savemat(tmp_path / "other.mat", {"images": np.zeros((2, 48, 48), np.uint8)})
    with pytest.raises(SourceError, match="has no 'folds'"):
        source.fetch(Tfd(name="tfd", path=str(tmp_path / "other.mat")))


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        (
            {"labs_ex": np.array([1.0, np.nan] * 5)[:, None]},
            "labs_ex must hold one of -1, 1, ... 7",
        ),
        ({"labs_ex": np.array([0] * 10)[:, None]}, "labs_ex must hold one of -1, 1, ... 7"),
        ({"labs_ex": np.array([1] * 9)[:, None]}, "labs_ex must hold one of -1, 1, ... 7"),
        ({"folds": np.full((10, 5), np.nan)}, "folds hold values other than 0, 1, 2, 3"),
        ({"folds": np.zeros((10, 5))}, "a fold without training, validation or test images"),
        ({"images": np.zeros((0, 48, 48), np.uint8), "folds": np.zeros((0, 5))}, "no images"),
        ({"images": np.zeros((10, 48, 48))}, "expected uint8 images"),
    ],
)
def test_content_that_cannot_be_right_is_refused(tmp_path, change, expected):
    good = {
        "images": np.zeros((10, 48, 48), np.uint8),
        "folds": np.array([0, 2, 3, 1, 0] * 2)[:, None].repeat(5, axis=1),
        "labs_ex": np.array([-1, 7] * 5)[:, None],
    }
    path = tmp_path / "TFD_48x48.mat"
    savemat(path, good)
    source.fetch(Tfd(name="tfd", path=str(path)))
    savemat(path, good | change)
    with pytest.raises(SourceError, match=expected):
        source.fetch(Tfd(name="tfd", path=str(path)))


def crash(path):
    os._exit(139)


def test_a_file_that_crashes_its_reader_is_named(tmp_path, monkeypatch):
    path = tmp_path / "TFD_48x48.mat"
    path.write_bytes(b"MATLAB")
    monkeypatch.setattr(source, "load", crash)
    with pytest.raises(SourceError, match="cannot be read as a MATLAB file"):
        source.fetch(Tfd(name="tfd", path=str(path)))
