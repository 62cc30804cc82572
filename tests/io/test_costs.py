import pytest
import torch
from safetensors.torch import save_file

from pipeline.io import costs, header


@pytest.fixture
def model(tmp_path):
    path = tmp_path / "model.safetensors"
    path.write_bytes(b"weights")
    return path


def test_costs_of_another_model_are_not_shown_and_not_kept(tmp_path, model):
    path = tmp_path / "costs.json"
    costs.record(path, model, train_seconds=5.0, processor="old")
    costs.record(path, model, sample_seconds=1.0)
    assert costs.read(path, model) == {
        "model_sha256": costs.digest(model),
        "train_seconds": 5.0,
        "processor": "old",
        "sample_seconds": 1.0,
    }
    model.write_bytes(b"other weights")
    assert costs.read(path, model) is None
    costs.record(path, model, sample_seconds=2.0)
    assert set(costs.read(path, model) or {}) == {"model_sha256", "sample_seconds"}


@pytest.mark.parametrize("content", [b"{", b"[]", b"{}", b"\xff"])
def test_a_file_that_was_cut_off_is_as_none(tmp_path, model, content: bytes):
    path = tmp_path / "costs.json"
    path.write_bytes(content)
    assert costs.read(path, model) is None
    costs.record(path, model, train_seconds=5.0)
    assert (costs.read(path, model) or {})["train_seconds"] == 5.0


def test_words_for_a_number_are_as_not_measured(tmp_path, model):
    """Edited by hand: the others are shown all the same."""
    costs.record(tmp_path / "costs.json", model, train_seconds="a minute", peak_memory_mb=1.5)
    costs.record(tmp_path / "costs.json", model, processor=["Xeon"], sample_seconds=2)
    found = costs.read(tmp_path / "costs.json", model)
    assert costs.table({"a": found}).splitlines()[1].split() == ["a", *"--", "2.0", *"----"]


def test_without_a_model_there_are_no_costs(tmp_path, model):
    costs.record(tmp_path / "costs.json", model, train_seconds=5.0)
    model.unlink()
    assert costs.read(tmp_path / "costs.json", model) is None


def test_the_table_has_a_dash_where_nothing_was_measured():
    lines = costs.table({"a": {"train_seconds": 61.25, "peak_memory_mb": 1234}, "b": None})
    _, a, b = (line.split() for line in lines.splitlines())
    assert a == ["a", "61.2", *"----", "1,234", "-"]
    assert b == ["b", *"-------"]


def test_parameters_are_what_the_nets_that_draw_have_learned(tmp_path):
    path = tmp_path / "model.safetensors"
    named = {
        "generator.linear.weight": (3, 4),
        "generator.norm.running_mean": (4,),
        "generator_ema.linear.weight": (3, 4),
        "discriminator.linear.weight": (4, 5),
        "net.chains": (100, 2),
        "first.weight": (2, 3),
    }
    save_file({name: torch.zeros(shape) for name, shape in named.items()}, path)
    assert header.parameters(path) == 12 + 6
    path.write_bytes(b"weights")
    assert header.parameters(path) is None
