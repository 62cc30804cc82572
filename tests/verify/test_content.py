"""What is kept of an output: a digest of its bits, and numbers that tell a rounding from another result."""

import hashlib
import json

import numpy as np
import pytest
from PIL import Image

from pipeline.errors import DataError
from pipeline.io.files import write_npz, write_safetensors
from pipeline.verify import content


def tensors(path, value: float = 3.0, about: str = "a", name: str = "net.weight"):
    weights = np.array([value, 4.0], dtype=np.float32)
    write_safetensors(path, {name: ("float32", (2,), iter([weights.tobytes()]))}, {"code": about})
    return path


def test_tensors_are_digested_by_their_bytes_whatever_the_metadata_say(tmp_path):
    one = content.of(tensors(tmp_path / "one.safetensors"))
    other = content.of(tensors(tmp_path / "other.safetensors", about="of another version"))
    assert one == other
    assert one.sha256 == hashlib.sha256(np.array([3, 4], dtype=np.float32).tobytes()).hexdigest()
    assert one.numbers == {"net": pytest.approx(12.5**0.5)}  # the root mean square of 3 and 4
    next_to = np.nextafter(np.float32(3), np.float32(4))
    assert content.of(tensors(tmp_path / "bit.safetensors", next_to)).sha256 != one.sha256


def test_numbers_of_json_stand_under_their_keys_and_lists_are_averaged(tmp_path):
    path = tmp_path / "a.json"
    found = {
        "fid": 3.5,
        "real": {"fid": 2},
        "curve": [1, [2, 3]],
        "ok": True,
        "words": "no",
        "n": None,
    }
    path.write_text(json.dumps(found))
    assert content.of(path).numbers == {"fid": 3.5, "real.fid": 2, "mean of curve": 2}


def test_tables_texts_arrays_and_pictures_have_numbers(tmp_path):
    (tmp_path / "a.tsv").write_text("step\td_loss\n1\t2\n2\t0.5\n")
    (tmp_path / "a.md").write_text("| mnist28 | 1.5 | 2.5e0 |\n")
    np.save(tmp_path / "a.npy", np.array([3.0, 4.0]))
    write_npz(tmp_path / "a.npz", images=np.array([6], np.uint8), names=np.array(["six"]))
    Image.new("RGB", (2, 2), (9, 9, 9)).save(tmp_path / "a.png")
    Image.new("L", (2, 2), 9).save(tmp_path / "grey.png")
    numbers = {path.name: content.of(path).numbers for path in tmp_path.iterdir()}
    spread = {"mean": 9, "root mean square": 9}
    assert numbers == {
        "a.tsv": {"last step": 2, "last d_loss": 0.5},
        "a.md": {"mean of numbers": 2},
        "a.npy": {"mean": 3.5, "root mean square": pytest.approx(12.5**0.5)},
        "a.npz": {"images mean": 6, "images root mean square": 6},
        "a.png": spread,
        "grey.png": spread,
    }


@pytest.mark.parametrize("suffix", ["safetensors", "json", "npy", "npz", "png"])
def test_a_damaged_output_is_named(tmp_path, suffix: str):
    path = tmp_path / f"a.{suffix}"
    path.write_bytes(b"\x01\x02")
    with pytest.raises(DataError, match=f"a.{suffix}: cannot be read as a .{suffix} file"):
        content.of(path)
