"""The training of a fully visible belief net: it learns, repeats itself, and goes on after a halt."""

import pytest
import torch

from pipeline.compute.streams import generator
from pipeline.config.models.autoregressive.train import Train
from pipeline.errors import TrainingError
from pipeline.models.autoregressive.saved import Saved
from pipeline.models.autoregressive.training import Training
from pipeline.models.common import binary
from pipeline.models.common.watch import Watch
from tests.models.small_training import drawn, goes_on_in_the_same_bits, played, saved_of

NETS = [
    {"name": "fvsbn"},
    {"name": "made", "hidden": [30]},
    {"name": "nade", "hidden": 8},
    {"name": "pixelcnn", "channels": 8, "blocks": 2},
    {"name": "pixelrnn", "channels": 8, "layers": 1},
    {"name": "wavenet", "channels": 8, "dilations": [1, 2, 4, 8]},
]


def settings(net: dict = NETS[1], **changes) -> Train:
    train = {"steps": 60, "batch_size": 20, "log_steps": 10, "binarize": "dynamic", "net": net}
    optimizer = {"name": "adam", "lr": 1e-2, "beta1": 0.9}
    return Train.model_validate(train | {"optimizer": optimizer} | changes)


def images(count: int = 200) -> torch.Tensor:
    """Two noisy patterns: there is something to learn."""
    stream = generator(0, "images")
    patterns = torch.rand(2, 1, 4, 4, generator=stream).round() * 1.8 - 0.9
    return patterns[torch.arange(count) % 2]


@pytest.mark.parametrize(
    ("net", "binarize"),
    [*((net, "dynamic") for net in NETS), (NETS[1], "fixed"), (NETS[1], "threshold")],
    ids=lambda value: value["name"] if isinstance(value, dict) else value,
)
def test_a_halted_training_ends_in_the_same_bits_and_another_seed_in_others(net, binarize):
    train = settings(net, binarize=binarize, ema={"name": "exponential", "decay": 0.9})
    goes_on_in_the_same_bits(Training, train, images())


@pytest.mark.parametrize("net", NETS, ids=lambda net: net["name"])
def test_it_learns_and_its_saved_model_gives_what_it_learned(net):
    saved = saved_of(Saved, played(Training, settings(net, steps=400), images()))
    found = saved.likelihood("raw").of(images(), "train")
    # log 2 for the pattern, and the entropy of 16 pixels that are wrong with probability .05
    assert found.mean().item() == pytest.approx(-0.693 - 16 * 0.1985, abs=0.45)
    means, states = drawn(saved, 50)
    assert set(states.unique().tolist()) == {-1.0, 1.0}
    # a bit is 1 as often as its probability says
    assert (means - states).mean().item() == pytest.approx(0, abs=0.05)


def test_bits_of_a_set_are_the_same_for_every_run_and_differ_between_sets():
    grey = torch.zeros(30, 1, 4, 4)
    first = binary.once(grey, "dynamic", "test")
    assert torch.equal(first, binary.once(grey, "fixed", "test"))
    assert not torch.equal(first, binary.once(grey, "fixed", "train"))
    assert first.mean().item() == pytest.approx(0.5, abs=0.1)


def test_a_diverged_training_writes_nothing_and_one_that_learns_nothing_is_named():
    watch = Watch(settings(), print)
    row = {"step": 1, "images": 20, "loss": 11.0, "gradient_norm": 1.0}
    watch.judge(row)
    assert watch.verdict().verdict == "healthy"
    watch.judge(row | {"step": 10, "loss": 11.5})
    assert watch.verdict().verdict == "not_learning"
    with pytest.raises(
        TrainingError, match=r"diverged at step 20: loss nan. Lower train\.optimizer\.lr"
    ):
        watch.judge(row | {"step": 20, "loss": float("nan")})


@pytest.mark.parametrize("name", ["pixelcnn", "pixelrnn"])
def test_a_net_of_rows_and_columns_is_for_one_channel(name):
    train = settings({"name": name})
    train.check_images((1, 28, 28), True, 1_000)
    with pytest.raises(
        ValueError, match=f"net.name is {name}, which knows rows and columns of one"
    ):
        train.check_images((3, 32, 32), True, 1_000)


@pytest.mark.parametrize(
    ("net", "expected"),
    [
        ({"name": "pixelcnn", "kernel": 4}, "kernel"),
        ({"name": "pixelcnn", "blocks": 0}, "blocks"),
        ({"name": "pixelrnn", "layers": 101}, "layers"),
        ({"name": "wavenet", "dilations": []}, "dilations"),
        ({"name": "wavenet", "dilations": [1, 0]}, "dilations"),
        ({"name": "wavenet", "hidden": [8]}, "hidden"),
    ],
    ids=lambda found: found if isinstance(found, str) else found["name"],
)
def test_settings_of_another_net_or_out_of_range_are_refused(net, expected):
    with pytest.raises(ValueError, match=rf"net\.{net['name']}\.{expected}"):
        settings(net)
