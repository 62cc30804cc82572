"""Fully visible belief nets against what defines them: the order of pixels, and probabilities that sum to 1."""

import itertools

import pytest
import torch
from pydantic import TypeAdapter

from pipeline.compute.streams import generator
from pipeline.config.models.autoregressive.train import Net
from pipeline.models.autoregressive import nets

PIXELS = 7
NETS = [
    {"name": "fvsbn"},
    {"name": "made", "hidden": [20]},
    {"name": "made", "hidden": [20, 13]},
    {"name": "nade", "hidden": 9},
]


@pytest.fixture(params=NETS, ids=lambda net: "-".join(map(str, net.values())))
def net(request) -> torch.nn.Module:
    settings = TypeAdapter(Net).validate_python(request.param)
    net = nets.net_of(settings, PIXELS, generator(3, "init")).eval()
    with torch.no_grad():
        for weight in net.parameters():  # far from independence
            weight.add_(torch.randn(weight.shape, generator=generator(4, "more")))
    return net


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


def test_probabilities_of_all_images_sum_to_1(net):
    total = nets.log_likelihood(net, every_image()).double().exp().sum()
    assert total.item() == pytest.approx(1, abs=1e-5)


def test_drawing_pixel_by_pixel_uses_the_probabilities_of_the_whole_pass(net):
    bits, means = nets.draw(net, 500, PIXELS, generator(0, "draw"))
    with torch.no_grad():
        torch.testing.assert_close(means, net(bits).sigmoid(), atol=1e-5, rtol=1e-5)
    assert set(bits.unique().tolist()) == {0.0, 1.0}


def test_images_are_drawn_as_often_as_they_are_probable(net):
    count = 20_000
    bits, _ = nets.draw(net, count, PIXELS, generator(1, "draw"))
    codes = (bits @ 2.0 ** torch.arange(PIXELS - 1, -1, -1)).long()
    found = torch.bincount(codes, minlength=2**PIXELS) / count
    expected = nets.log_likelihood(net, every_image()).exp().detach()
    error = (expected * (1 - expected) / count).sqrt()
    assert ((found - expected).abs() < 5 * error + 1e-4).all()


def test_what_is_given_is_kept_and_the_rest_is_drawn_given_it(net):
    given = torch.tensor([[1.0, 0.0, 1.0]]).repeat(300, 1)
    bits, _ = nets.draw(net, 300, PIXELS, generator(1, "draw"), given)
    assert torch.equal(bits[:, :3], given)
    assert bits[:, 3:].std(dim=0).max() > 0
