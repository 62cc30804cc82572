"""The training of a flow: it learns, repeats itself, goes on after a halt, and its file gives what it learned."""

import math

import pytest
import torch
from pydantic import ValidationError

from pipeline.compute.streams import generator
from pipeline.config.models.flow.train import Train
from pipeline.models.flow.net import Flow
from pipeline.models.flow.saved import Saved
from pipeline.models.flow.training import Training
from tests.models.small_training import CPU, drawn, goes_on_in_the_same_bits, played, saved_of

NETS = [
    {"name": "nice", "couplings": 3, "hidden": [20]},
    {"name": "real_nvp", "couplings": 3, "hidden": [20]},
]
by_name = pytest.mark.parametrize("net", NETS, ids=lambda net: net["name"])


def settings(net: dict, **changes) -> Train:
    train = {"steps": 60, "batch_size": 20, "log_steps": 10, "flow": net}
    optimizer = {"name": "adam", "lr": 3e-3, "beta1": 0.9}
    return Train.model_validate(train | {"optimizer": optimizer} | changes)


def images(count: int = 200, seed: int = 0) -> torch.Tensor:
    """Each of one level of its own, but for the last pixel, which is always black: much to learn."""
    level_N = torch.randint(40, 200, (count,), generator=generator(seed, "images"))
    shown_NCHW = level_N[:, None, None, None].expand(-1, 1, 4, 4) / 255 * 2 - 1
    return shown_NCHW.clone().index_fill(3, torch.tensor([3]), -1.0)


@by_name
def test_a_halted_training_ends_in_the_same_bits_and_another_seed_in_others(net):
    train = settings(net, ema={"name": "exponential", "decay": 0.9})
    goes_on_in_the_same_bits(Training, train, images())


@by_name
def test_pictures_do_not_change_the_training(net):
    train = settings(net, steps=10)
    shown = Training(train, 0, images(), CPU)
    for _ in range(10):
        shown.draw(3)
        shown.advance()
    whole, seen = played(Training, train, images()).weights(), shown.weights()
    assert all(torch.equal(whole[key], seen[key]) for key in whole)


@by_name
def test_it_learns_what_pixels_have_in_common(net):
    """16 pixels in the levels' intervals: at best 16 ln 256 less the ln 160 of an image's level."""
    train = settings(net, steps=600)
    start, end = Training(train, 0, images(), CPU), played(Training, train, images())
    before, after = (
        saved_of(Saved, at).likelihood("raw").of(images(300, seed=1), "test").mean().item()
        for at in (start, end)
    )
    assert before + 10 < after < 16 * math.log(256) - math.log(160)


@by_name
def test_the_saved_model_gives_images_and_exact_likelihoods(net):
    training = played(Training, settings(net), images())
    model = saved_of(Saved, training)
    (samples,) = drawn(model, 50)
    level = (samples + 1) * 127.5
    assert torch.allclose(level, level.round(), atol=1e-4)
    assert level.min() >= 0
    assert level.max() < 255.5

    likelihood = model.likelihood("raw")
    assert (likelihood.kind, likelihood.data) == ("exact", "dequantised")
    seen = images(30, seed=1)
    found = likelihood.of(seen, "test")
    assert torch.equal(found, likelihood.of(seen, "test"))
    assert not torch.equal(found, likelihood.of(seen, "train"))
    middle = training.sampler()((seen.flatten(1) + 1) * (255 / 512) + 0.5 / 256)
    measured = likelihood.measure(seen)
    assert 0 < measured["inversion_error"] < 1e-4
    # a black pixel's interval ends at 0, and the base does not know
    assert 0 < measured["pixels_outside"] < measured["images_outside"] <= 1
    assert found.mean().item() == pytest.approx(middle.mean().item(), abs=8)


@by_name
def test_a_walk_goes_from_one_test_image_to_another(net):
    shown = images(8, seed=1)
    walk = saved_of(Saved, played(Training, settings(net), images())).walk("raw", shown)
    assert walk.images_RSCHW.shape == (4, 10, 1, 4, 4)
    assert torch.allclose(walk.images_RSCHW[1, 0], shown[2], atol=2 / 255 + 1e-5)
    assert torch.allclose(walk.images_RSCHW[1, -1], shown[3], atol=2 / 255 + 1e-5)


@pytest.mark.parametrize("precision", ["bf16", "auto", "tf32"])
def test_a_flow_is_float32_only(precision: str):
    with pytest.raises(
        ValidationError, match=f"precision is {precision}; a flow must undo each step"
    ):
        settings(NETS[0], precision=precision)


def test_two_couplings_are_too_few():
    with pytest.raises(ValidationError, match=r"flow\.nice\.couplings"):
        settings({"name": "nice", "couplings": 2})


def test_the_sizes_are_the_papers():
    """NICE, section 5.1: 4 couplings of 5 x 1,000 units on 784 pixels."""
    net = Flow(settings({"name": "nice", "hidden": [1000] * 5}).flow, 784)
    halves = 392 * 1000 + 1000 + 4 * (1000 * 1000 + 1000) + 1000 * 392 + 392
    assert sum(weight.numel() for weight in net.parameters()) == 4 * halves + 784
