"""Arrays in one file and in several."""

import numpy as np
import pytest

from pipeline.errors import DataError
from pipeline.io import arrays


@pytest.fixture
def content() -> np.ndarray:
    return np.random.default_rng(0).random((23, 1, 2, 3)).astype("f4")


def blocks(content: np.ndarray, count: int):
    return ([content[start : start + count]] for start in range(0, len(content), count))


def test_few_rows_are_one_file_that_numpy_reads(tmp_path, content):
    path = tmp_path / "run" / "samples.npy"
    arrays.write_shards([path], content.shape, blocks(content, 4))
    np.testing.assert_array_equal(np.load(path), content)
    assert [file.name for file in (tmp_path / "run" / "samples").iterdir()] == ["index.json"]
    np.save(tmp_path / "alone.npy", content)  # of somebody else: no index beside it
    np.testing.assert_array_equal(arrays.read_shards(tmp_path / "alone.npy")[:], content)


@pytest.mark.parametrize("in_one", [1, 5, 22, 23])
@pytest.mark.parametrize("in_block", [1, 4, 23])
def test_shards_hold_the_same_rows_in_the_same_order(
    tmp_path, monkeypatch, content, in_one, in_block
):
    monkeypatch.setattr(arrays, "SHARD_BYTES", in_one * content[0].nbytes + 3)
    path = tmp_path / "samples.npy"
    arrays.write_shards([path], content.shape, blocks(content, in_block))
    assert len(np.load(path)) == in_one
    rows = arrays.read_shards(path)
    assert rows.shape == content.shape
    assert max(rows.lengths) == in_one
    for some in (slice(None), slice(0, 7), slice(4, 6), slice(21, 99), slice(30, 40)):
        np.testing.assert_array_equal(rows[some], content[some])


def test_several_arrays_are_written_in_one_pass(tmp_path, monkeypatch, content):
    monkeypatch.setattr(arrays, "SHARD_BYTES", 5 * content[0].nbytes)
    paths = [tmp_path / "samples.npy", tmp_path / "views" / "states.npy"]
    blocks = (
        [content[start : start + 4], -content[start : start + 4]] for start in range(0, 23, 4)
    )
    arrays.write_shards(paths, content.shape, blocks)
    for path, expected in zip(paths, (content, -content), strict=True):
        np.testing.assert_array_equal(arrays.read_shards(path)[:], expected)


def test_a_shard_that_is_lost_is_missed(tmp_path, monkeypatch, content):
    monkeypatch.setattr(arrays, "SHARD_BYTES", 5 * content[0].nbytes)
    path = tmp_path / "samples.npy"
    arrays.write_shards([path], content.shape, blocks(content, 4))
    (tmp_path / "samples" / "00004.npy").unlink()
    with pytest.raises(DataError, match=r"00004.npy is missing"):
        arrays.read_shards(path)


def test_fewer_rows_leave_nothing_of_more(tmp_path, monkeypatch, content):
    monkeypatch.setattr(arrays, "SHARD_BYTES", 5 * content[0].nbytes)
    path = tmp_path / "samples.npy"
    arrays.write_shards([path], content.shape, blocks(content, 4))
    arrays.write_shards([path], (7, 1, 2, 3), blocks(content[:7], 4))
    assert len(arrays.read_shards(path)) == 7


def test_whoever_stops_in_the_middle_leaves_nothing_to_mistake_for_the_whole(
    tmp_path, monkeypatch, content
):
    monkeypatch.setattr(arrays, "SHARD_BYTES", 5 * content[0].nbytes)
    path = tmp_path / "samples.npy"
    arrays.write_shards([path], (5, 1, 2, 3), blocks(content[:5], 5))

    def interrupted():
        yield [content[:20]]
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        arrays.write_shards([path], content.shape, interrupted())
    with pytest.raises(DataError, match="missing"):
        arrays.read_shards(path)


def test_parts_of_different_arrays_are_refused(tmp_path, content):
    np.save(tmp_path / "a.npy", content)
    np.save(tmp_path / "b.npy", content[:, :, :1])
    with pytest.raises(DataError, match=r"b.npy: rows of float32 \[1, 1, 3\], but .*a.npy has"):
        arrays.Rows(tmp_path / "a.npy", tmp_path / "b.npy")


def test_pickled_arrays_are_never_loaded(tmp_path):
    np.save(tmp_path / "a.npy", np.array([{"harm": 1}], dtype=object), allow_pickle=True)
    with pytest.raises(DataError, match=r"cannot be read as a \.npy file"):
        arrays.read_array(tmp_path / "a.npy")


def test_a_single_number_is_no_array(tmp_path):
    np.save(tmp_path / "a.npy", np.float64(1))
    with pytest.raises(DataError, match="a single number"):
        arrays.read_array(tmp_path / "a.npy")


def test_rows_are_not_left_out_in_silence(tmp_path, content):
    np.save(tmp_path / "a.npy", content)
    with pytest.raises(ValueError, match="not in steps of 2"):
        arrays.Rows(tmp_path / "a.npy")[::2]
