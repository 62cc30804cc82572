"""Fully visible belief nets against what defines them: the order of pixels, and probabilities that sum to 1."""

import functools
import itertools

import pytest
import torch
from pydantic import TypeAdapter
from zuko.nn import MaskedMLP

from pipeline.compute.streams import generator
from pipeline.config.models.autoregressive.train import Net
from pipeline.models.autoregressive import drawing, nets
from pipeline.models.autoregressive.dense import Masked, RunningHidden, before

WIDTH = 4
PIXELS = 2 * WIDTH
NETS = [
    {"name": "fvsbn"},
    {"name": "made", "hidden": [20]},
    {"name": "made", "hidden": [20, 13]},
    {"name": "nade", "hidden": 9},
    {"name": "pixelcnn", "channels": 6, "blocks": 2},
    {"name": "pixelrnn", "channels": 4},
    {"name": "wavenet", "channels": 5, "dilations": [1, 2, 4]},
]


# of many layers: more, and its bits are certain
SCALES = {"pixelcnn": 0.2, "pixelrnn": 0.3, "wavenet": 0.5}


def disturbed(settings: dict, pixels: int, width: int, std: float = 1.0) -> torch.nn.Module:
    """A net whose weights are far from independence."""
    net = nets.net_of(
        TypeAdapter(Net).validate_python(settings), pixels, width, generator(3, "init")
    )
    stream = generator(4, "more")
    with torch.no_grad():
        for weight in net.parameters():
            weight.add_(torch.randn(weight.shape, generator=stream), alpha=std)
    return net.eval()


@pytest.fixture(params=NETS, ids=lambda net: "-".join(map(str, net.values())))
def net(request) -> torch.nn.Module:
    return disturbed(request.param, PIXELS, WIDTH, SCALES.get(request.param["name"], 1.0))


def every_image() -> torch.Tensor:
    return torch.tensor(list(itertools.product((0.0, 1.0), repeat=PIXELS)))


def test_a_logit_depends_on_every_pixel_before_it_and_on_no_other(net):
    x = torch.rand(PIXELS, generator=generator(0, "x"))
    slopes = torch.autograd.functional.jacobian(lambda x: net(x[None])[0], x)
    below = torch.ones(PIXELS, PIXELS).tril(-1).bool()
    assert (slopes[~below] == 0).all()
    assert (slopes[below] != 0).any(dim=0)
    reached = (slopes != 0).sum(dim=1)
    assert reached[-1] >= PIXELS - 2, "a relu may be off"


def paths(net: Masked) -> torch.Tensor:
    """[D, D], numbers of paths from input j to logit i."""
    masks = [layer.mask.double() for layer in net.net if hasattr(layer, "mask")]
    return functools.reduce(lambda below, mask: mask @ below, masks)


@pytest.mark.parametrize("hidden", [(4,), (4, 40), (40, 4), (16,), (40,)])
def test_a_made_with_fewer_units_than_pixels_sees_as_far_as_the_last_ones(hidden):
    seen = paths(Masked(17, hidden)) > 0
    assert not seen[~torch.ones(17, 17).tril(-1).bool()].any()
    numbers = seen.sum(dim=1)
    assert all(seen[i, :number].all() for i, number in enumerate(numbers))
    assert (torch.arange(17) - numbers).max() == max(0, 16 // min(hidden) - 1)


def test_a_made_with_a_unit_for_each_pixel_has_the_masks_of_zuko():
    net, known = Masked(17, (40, 16)), MaskedMLP(before(17), (40, 16))
    for name, mask in known.named_buffers():
        assert torch.equal(net.net.get_buffer(name), mask)


def seen_by(net: torch.nn.Module, pixels: int) -> torch.Tensor:
    """[D, D], true where logit i has a slope by bit j somewhere."""
    found = torch.zeros(pixels, pixels, dtype=torch.bool)
    for x in torch.rand(
        10, pixels, generator=generator(0, "x")
    ):  # a relu may be off at one of them
        found |= torch.autograd.functional.jacobian(lambda x: net(x[None])[0], x) != 0
    return found


def test_a_pixelcnn_sees_what_is_before_a_pixel_but_for_the_blind_spot():
    """To the right one column more in each row above, as far as there are blocks, from 3 in the row above."""
    height, width, blocks = 4, 12, 2
    net = disturbed({"name": "pixelcnn", "channels": 6, "blocks": blocks}, 48, width, 0.2)
    row, column = torch.arange(48) // width, torch.arange(48) % width
    up, right = row[:, None] - row, column - column[:, None]
    before = (up > 0) | ((up == 0) & (right < 0))
    farthest = 3 + (up - 1).clamp(max=blocks)
    near = (up <= 3 + blocks) & (-right <= 3 + blocks)
    assert torch.equal(seen_by(net, height * width), before & near & (right <= farthest))


def test_a_pixelrnn_sees_a_triangle_above_a_pixel():
    """One layer: 3 to either side in the first layer's rows, and its state moves by one column a row; to the left
    one more."""
    height, width = 4, 14
    net = disturbed({"name": "pixelrnn", "channels": 4, "layers": 1}, 56, width, 0.5)
    row, column = torch.arange(56) // width, torch.arange(56) % width
    up, right = row[:, None] - row, column - column[:, None]
    before = (up > 0) | ((up == 0) & (right < 0))
    # the first layer's last seen row is the pixel's own, where it sees the left only
    farthest, leftmost = 3 + (up - 1), 4 + up
    assert torch.equal(
        seen_by(net, height * width), before & (right <= farthest) & (-right <= leftmost)
    )


def test_a_wavenet_sees_the_sum_of_its_dilations():
    net = disturbed({"name": "wavenet", "channels": 12, "dilations": [1, 2, 4]}, 20, 5, 0.3)
    before = torch.arange(20)[:, None] - torch.arange(20)
    assert torch.equal(seen_by(net, 20), (before >= 1) & (before <= 1 + 7))


@pytest.mark.parametrize(
    "settings",
    [
        {"name": "pixelcnn", "channels": 6, "blocks": 2, "kernel": 5},
        {"name": "pixelrnn", "channels": 4, "layers": 3},
        {"name": "wavenet", "channels": 5, "dilations": [1, 3, 9, 50]},
    ],
    ids=lambda settings: settings["name"],
)
def test_what_is_kept_between_pixels_is_enough_over_many_rows(settings):
    height, width = 7, 5
    net = disturbed(settings, height * width, width, 0.2)
    bits, means = drawing.draw(net, 50, height * width, generator(0, "draw"))
    with torch.no_grad():
        torch.testing.assert_close(means, net(bits).sigmoid(), atol=1e-5, rtol=1e-5)
    assert bits.std() > 0


def test_nade_and_its_gradients_are_those_of_the_formula():
    noise = generator(0, "nade")
    into, out = (torch.randn(11, 4, dtype=torch.float64, generator=noise) for _ in range(2))
    bias = torch.randn(4, dtype=torch.float64, generator=noise)
    x = torch.rand(3, 11, dtype=torch.float64, generator=noise)
    inputs = [t.requires_grad_() for t in (x, into, out, bias)]
    sums = torch.stack([x[:, :i] @ into[:i] for i in range(11)], dim=1) + bias
    expected = (sums.sigmoid() * out).sum(dim=2)
    torch.testing.assert_close(RunningHidden.apply(*inputs), expected)
    assert torch.autograd.gradcheck(RunningHidden.apply, inputs)


def test_nade_has_its_sums_in_float32_whatever_the_precision():
    net, x = disturbed({"name": "nade", "hidden": 3}, PIXELS, WIDTH), every_image()
    with torch.autocast("cpu", torch.bfloat16):
        logits = net(x)
        logits.sum().backward()
    assert torch.equal(logits, net(x)) and net.into.grad.abs().max() > 0


def test_probabilities_of_all_images_sum_to_1(net):
    total = drawing.log_likelihood(net, every_image()).double().exp().sum()
    assert total.item() == pytest.approx(1, abs=1e-5)


def test_drawing_pixel_by_pixel_uses_the_probabilities_of_the_whole_pass(net):
    bits, means = drawing.draw(net, 500, PIXELS, generator(0, "draw"))
    with torch.no_grad():
        torch.testing.assert_close(means, net(bits).sigmoid(), atol=1e-5, rtol=1e-5)
    assert set(bits.unique().tolist()) == {0.0, 1.0}


def test_images_are_drawn_as_often_as_they_are_probable(net):
    count = 20_000
    bits, _ = drawing.draw(net, count, PIXELS, generator(1, "draw"))
    codes = (bits @ 2.0 ** torch.arange(PIXELS - 1, -1, -1)).long()
    found = torch.bincount(codes, minlength=2**PIXELS) / count
    expected = drawing.log_likelihood(net, every_image()).exp().detach()
    error = (expected * (1 - expected) / count).sqrt()
    assert ((found - expected).abs() < 5 * error + 1e-4).all()


def test_what_is_given_is_kept_and_the_rest_is_drawn_given_it(net):
    given = torch.tensor([[1.0, 0.0, 1.0]]).repeat(300, 1)
    bits, _ = drawing.draw(net, 300, PIXELS, generator(1, "draw"), given)
    assert torch.equal(bits[:, :3], given)
    assert bits[:, 3:].std(dim=0).max() > 0
