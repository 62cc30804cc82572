import hashlib
import os
import socket
import subprocess
import sys

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from pipeline.errors import DataError
from pipeline.io import files, tensors


def test_an_interrupted_write_leaves_the_old_file_and_nothing_else(tmp_path):
    path = tmp_path / "file"
    path.write_bytes(b"old")
    with pytest.raises(RuntimeError), files.atomic(path) as file:
        file.write(b"half of the ne")
        raise RuntimeError
    assert path.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [path]


def test_archives_have_the_same_bytes_with_every_python(tmp_path):
    """The digest is of 3.11.2, whose numpy.savez writes other headers than that of 3.11.4."""
    images = np.arange(12, dtype=np.uint8).reshape(3, 4)
    files.write_npz(tmp_path / "a.npz", images=images, labels=np.arange(3))
    digest = hashlib.sha256((tmp_path / "a.npz").read_bytes()).hexdigest()
    assert digest == "0e0279f57e72b9a2a76d3e209622e0f538ce4140de56455971f35ac21011716e"
    with np.load(tmp_path / "a.npz") as arrays:
        assert np.array_equal(arrays["images"], images)
        assert np.array_equal(arrays["labels"], np.arange(3))


def test_what_a_killed_writer_left_is_removed_by_the_next_one(tmp_path):
    path = tmp_path / "file [1]"
    process = subprocess.run(
        [
            sys.executable,
            "-c",
            "import os, sys; from pathlib import Path; from pipeline.io import files\n"
            "with files.atomic(Path(sys.argv[1])) as file:\n    os.kill(os.getpid(), 9)",
            path,
        ],
        check=False,
    )
    assert process.returncode == -9
    (left,) = tmp_path.iterdir()
    other_machine = left.with_name(left.name.replace(socket.gethostname(), "elsewhere"))
    still_writing = left.with_name(
        left.name.replace(str(left).split("-")[-1], f"{os.getppid()}.partial")
    )
    other_file = left.with_name(f".other.{socket.gethostname()}-{2**22 + 1}.partial")
    for kept in (other_machine, still_writing, other_file):
        kept.write_bytes(b"")
    files.write_bytes(path, b"new")
    assert sorted(tmp_path.iterdir()) == sorted([path, other_machine, still_writing, other_file])
    assert path.read_bytes() == b"new"


def test_streamed_safetensors_are_read_by_the_library(tmp_path):
    images, labels = np.random.rand(6, 2).astype("f4"), np.arange(6)
    blocks = (images[i : i + 2].tobytes() for i in range(0, 6, 2))
    content = {
        "images": ("float32", (6, 2), blocks),
        "labels": ("int64", (6,), iter([labels.tobytes()])),
    }
    files.write_safetensors(tmp_path / "t.safetensors", content, {"classes": 10})
    loaded = load_file(tmp_path / "t.safetensors")
    assert torch.equal(loaded["images"], torch.from_numpy(images))
    assert torch.equal(loaded["labels"], torch.from_numpy(labels))


def test_a_missing_file_comes_with_the_command_that_makes_it(tmp_path):
    with pytest.raises(DataError, match="dvc repro"):
        files.read_json(tmp_path / "missing.json")


def test_a_damaged_model_is_named(tmp_path):
    path = tmp_path / "model.safetensors"
    tensors.write_model(path, {"w": torch.ones(3)}, {"seed": 1})
    assert tensors.read_about(path) == {"seed": 1}
    path.write_bytes(path.read_bytes()[:-4])
    with pytest.raises(DataError, match="dvc checkout"):
        tensors.read_tensors(path)


def test_a_pipe_or_device_is_not_replaced_by_a_file(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(OSError, match="A device or pipe, no place for a file"):
        files.write_bytes(tmp_path / "pipe", b"x")
    assert (tmp_path / "pipe").is_fifo()
    assert [path.name for path in tmp_path.iterdir()] == ["pipe"]


@pytest.mark.parametrize("place", [".dvc/config", ".dvc/config.local", "of the user/dvc/config"])
def test_a_pull_is_advised_only_where_there_is_a_remote_to_pull_from(tmp_path, monkeypatch, place):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "of the user"))
    config = tmp_path / place
    config.parent.mkdir(parents=True)
    config.write_text("[core]\n    analytics = false\n")
    with pytest.raises(DataError, match=r"gone is missing\. Make it with: dvc repro$"):
        files.existing(tmp_path / "gone")
    config.write_text("[core]\n    remote = team\n['remote \"team\"']\n    url = ../there\n")
    with pytest.raises(DataError, match="dvc pull"):
        files.existing(tmp_path / "gone")
