import math

import pytest
import torch

from pipeline.compute.streams import generator
from pipeline.config.params import load
from pipeline.models.common import layers
from pipeline.models.gan import nets
from tests.conftest import ROOT

MNIST = (1, 28, 28)


def authors_players():
    train = load(ROOT / "recipes/paper.yaml").runs["paper"].train
    G = nets.generator_of(train, MNIST, 0, generator(0, "layers"))
    D = nets.discriminator_of(train, MNIST, 0, generator(0, "dropout"))
    return train, G, D


def count(net: torch.nn.Module) -> int:
    return sum(p.numel() for p in net.parameters())


def test_the_authors_nets_have_their_published_sizes():
    _, G, D = authors_players()
    assert count(G) == 2_503_984
    assert count(D) == 1_231_441


def test_initial_weights_are_uniform_in_the_authors_range_and_biases_zero():
    train, G, _ = authors_players()
    nets.initialize(G, G.last, train.generator, generator(0, "init"))
    weight = G.body.hidden[1].linear.weight
    assert weight.abs().max().item() <= 0.05
    assert weight.std().item() == pytest.approx(0.05 / math.sqrt(3), rel=0.01)
    assert G.body.hidden[1].linear.bias.count_nonzero() == 0


def test_the_output_starts_at_the_training_mean():
    """With z = 0 only the output bias speaks; a pixel that is always 0 starts at logit -16.1."""
    train, G, _ = authors_players()
    nets.initialize(G, G.last, train.generator, generator(0, "init"))
    mean = torch.full(MNIST, 0.25)
    mean[0, 0, 0] = 0.0
    nets.start_at_the_mean(G.body.last, train.generator, mean * 2 - 1)
    image = G(torch.zeros(1, train.noise.dim))[0]
    assert image[0, 5, 5].item() == pytest.approx(0.25, abs=1e-6)
    assert G.body.last.bias[0].item() == pytest.approx(-16.118, abs=1e-3)


@pytest.mark.parametrize("output", ["tanh", "sigmoid"])
@pytest.mark.parametrize("pixels", ["unit", "symmetric"])
def test_the_output_bias_fits_every_output_and_range(output: str, pixels: str):
    train, _, _ = authors_players()
    settings = train.generator.model_copy(update={"output": output})
    train = train.model_copy(update={"generator": settings, "pixels": pixels})
    G = nets.generator_of(train, MNIST, 0, generator(0, "layers"))
    nets.initialize(G, G.last, settings, generator(0, "init"))
    nets.start_at_the_mean(G.body.last, settings, torch.full(MNIST, -0.5))
    expected = -0.5 if pixels == "symmetric" else 0.25
    assert G(torch.zeros(1, 100)).mean().item() == pytest.approx(expected, abs=1e-5)


def test_maxout_is_the_largest_piece_of_each_unit():
    layer = layers.connected(3, 2, "maxout", 5, "none")
    x = torch.randn(4, 3)
    affine = x @ layer.linear.weight.T + layer.linear.bias
    expected = torch.stack([affine[:, 0::2].amax(dim=1), affine[:, 1::2].amax(dim=1)], dim=1)
    torch.testing.assert_close(layer(x), expected)


def test_maxout_passes_the_gradient_to_one_piece_only():
    """Also among equals, which are common in bf16."""
    pieces = torch.tensor(
        [[1.0, 5.0, 3.0, 5.0, 3.0, 5.0]], requires_grad=True
    )  # 3 pieces of 2 units
    largest = layers.Maxout.apply(pieces, 3)
    assert largest.tolist() == [[3.0, 5.0]]
    largest.backward(torch.tensor([[10.0, 20.0]]))
    assert pieces.grad.tolist() == [[0.0, 20.0, 10.0, 0.0, 0.0, 0.0]]


def test_maxouts_gradient_is_right():
    pieces = torch.randn(3, 12, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(lambda x: layers.Maxout.apply(x, 4), pieces)


def test_maxouts_gradient_has_a_gradient():
    """A penalty on D's gradient differentiates twice."""
    pieces = torch.randn(3, 12, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradgradcheck(lambda x: layers.Maxout.apply(x, 4), pieces)


def test_dropout_keeps_the_mean_and_the_stated_share():
    dropout = layers.Dropout(0.2, generator(0, "dropout"))
    x = torch.ones(1000, 200)
    y = dropout(x)
    assert y.unique().tolist() == pytest.approx([0.0, 1.25])
    assert (y == 0).float().mean().item() == pytest.approx(0.2, abs=0.01)
    dropout.eval()
    assert dropout(x) is x


def test_dropout_never_touches_the_global_stream():
    before = torch.get_rng_state()
    layers.Dropout(0.5, generator(0, "dropout"))(torch.ones(10, 10))
    assert torch.equal(before, torch.get_rng_state())
