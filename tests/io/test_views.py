import numpy as np
import pytest

from pipeline.errors import DataError
from pipeline.io.arrays import read_shards
from pipeline.io.views import read_views, write_samples


def test_views_are_read_as_they_were_written_and_replace_older_ones(tmp_path):
    samples, folder = tmp_path / "samples.npy", tmp_path / "views"
    array = np.arange(12, dtype="float32").reshape(6, 1, 1, 2)
    blocks = [[array[rows], -array[rows], 2 * array[rows]] for rows in (slice(4), slice(4, 6))]
    write_samples(samples, folder, "means", ("states", "first"), array.shape, blocks)
    found = read_views(folder)
    assert found.main == "means"
    assert list(found.paths) == ["states", "first"]
    assert np.array_equal(read_shards(samples)[:], array)
    assert np.array_equal(read_shards(found.paths["states"])[:], -array)
    assert np.array_equal(read_shards(found.paths["first"])[:], 2 * array)
    write_samples(samples, folder, None, (), array.shape, [[array]])
    assert read_views(folder) == (None, {})
    assert [path.name for path in folder.iterdir()] == ["index.json"]


def test_an_index_that_lists_nothing_is_named_with_the_next_step(tmp_path):
    (tmp_path / "index.json").write_text("[]")
    with pytest.raises(
        DataError, match=r"index\.json: lists no views\. Draw the samples again: dvc repro"
    ):
        read_views(tmp_path)
