"""Every reader meets damaged files: it returns what it read, or one DataError that names the file."""

import json
import warnings

import numpy as np
import pytest
import torch

from pipeline.errors import DataError
from pipeline.io.arrays import read_array, read_shards, write_shards
from pipeline.io.files import read_json, read_npz, write_json, write_npz
from pipeline.io.tensors import read_about, read_tensors, tensor_names, write_model
from pipeline.stages.figures import read_rows
from tests.io.damage import damaged


def json_file(path):
    write_json(path, {"fid": 3.5, "classes": [1, 2, 3], "verdict": "healthy"})


def npz_file(path):
    write_npz(path, images=np.zeros((4, 2, 2, 1), np.uint8), labels=np.arange(4))


def npy_file(path):
    np.save(path, np.zeros((5, 3), np.float32))


def model_file(path):
    write_model(path, {"w": torch.zeros(3, 2)}, {"model": "gan", "steps": 3})


def table_file(path):
    path.write_text("step\tg_loss\td_loss\n10\t1.5\t0.5\n20\t1.25\t0.75\n")


READERS = {
    "JSON": (json_file, "a.json", read_json),
    "npz": (npz_file, "a.npz", read_npz),
    "npy": (npy_file, "a.npy", lambda path: np.array(read_array(path))),
    "tensors": (model_file, "a.safetensors", read_tensors),
    "names of tensors": (model_file, "a.safetensors", tensor_names),
    "metadata": (model_file, "a.safetensors", read_about),
    "table of losses": (table_file, "training.tsv", read_rows),
}


@pytest.mark.parametrize("kind", READERS)
def test_a_damaged_file_is_named_and_stays_as_it_is(tmp_path, kind):
    write, name, read = READERS[kind]
    path = tmp_path / name
    write(path)
    read(path)
    refused = 0
    for what, content in damaged(path.read_bytes()):
        path.write_bytes(content)
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # NumPy's, of an empty table
                read(path)
        except DataError as error:
            refused += 1
            assert str(path) in str(error), what
            assert len(str(error).splitlines()) == 1, what
        assert path.read_bytes() == content, what
        assert [each.name for each in tmp_path.iterdir()] == [name], what
    assert refused > 5


def test_an_archive_in_the_place_of_an_array_is_refused(tmp_path):
    write_npz(tmp_path / "a.npz", x=np.zeros(3))
    (tmp_path / "a.npz").rename(tmp_path / "a.npy")
    with pytest.raises(DataError, match=r"archive of arrays \(\.npz\)"):
        read_array(tmp_path / "a.npy")


@pytest.mark.parametrize("index", [[1], {"other.npy": 3}, "a", None])
def test_an_index_of_shards_that_lists_something_else_is_refused(tmp_path, index):
    path = tmp_path / "samples.npy"
    write_shards([path], (2, 1, 2, 2), [[np.zeros((2, 1, 2, 2))]])
    (tmp_path / "samples").mkdir(exist_ok=True)
    (tmp_path / "samples" / "index.json").write_text(json.dumps(index))
    with pytest.raises(DataError, match=r"index\.json: does not list samples\.npy"):
        read_shards(path)


def test_numbers_of_another_byte_order_are_read_in_this_machines(tmp_path):
    values = np.arange(6, dtype=">f4").reshape(2, 3)
    np.save(tmp_path / "a.npy", values)
    rows = read_shards(tmp_path / "a.npy")[0:2]
    assert rows.dtype == np.dtype("float32").newbyteorder("=")
    assert np.array_equal(rows, values)


@pytest.mark.parametrize(
    ("write", "name", "read"),
    [
        (json_file, "a.json", read_json),
        (npz_file, "a.npz", read_npz),
        (model_file, "a.safetensors", read_tensors),
        (model_file, "a.safetensors", read_about),
    ],
)
def test_a_field_that_another_version_did_not_write_is_named_with_the_file(
    tmp_path, write, name, read
):
    write(tmp_path / name)
    fields = read(tmp_path / name)
    assert "later" not in fields and fields.get("later") is None
    with pytest.raises(DataError, match=rf"{name}: has no 'later'; another version"):
        fields["later"]
