"""Initial weights."""

import math

import pytest
import torch
from torch import nn

from pipeline.compute.streams import generator
from pipeline.config.models.gan.inits import (
    NormalInit,
    OrthogonalInit,
    SparseInit,
    XavierInit,
)
from pipeline.config.models.gan.nets import MlpGenerator
from pipeline.models.gan.nets import initial
from tests.models.gan.nets.pairs import DCGAN, MLP, R3GAN, RESNET, players, settings


def test_dcgan_has_no_norm_at_the_ends_and_starts_as_published():
    """Radford 2016: none on G's output and D's input; weights N(0, 0.02), gains N(1, 0.02)."""
    init = {"name": "published"}
    train = settings(
        DCGAN, generator={"filters": 32, "init": init}, discriminator={"filters": 32, "init": init}
    )
    G, D = players(train, (1, 28, 28))
    assert isinstance(D.body.layers[1].norm, nn.Identity)
    assert isinstance(D.body.layers[3].norm, nn.BatchNorm2d)
    assert not isinstance(G.last, nn.Sequential)
    assert G.body.hidden[0].linear.weight.std().item() == pytest.approx(0.02, rel=0.02)
    gains = torch.cat([n.weight for n in G.modules() if isinstance(n, nn.BatchNorm2d)])
    assert gains.mean().item() == pytest.approx(1, abs=0.01)
    assert gains.std().item() == pytest.approx(0.02, rel=0.4)


def test_the_resnet_starts_as_published():
    """Xavier uniform, in the residual branches with gain sqrt 2, which spectral norm's layers are drawn with."""
    change = {"filters": 32, "init": {"name": "published"}}
    G, D = players(settings(RESNET, generator=change, discriminator=change), (1, 32, 32))
    for layer, gain in (
        (G.body.blocks[0].residual[1], 2**0.5),
        (G.body.blocks[0].shortcut, 1),
        (G.body.first, 1),
        (G.last, 1),
        (D.body.layers[3].residual[0].layer, 2**0.5),
        (D.body.layers[3].shortcut.layer, 1),
        (D.last.layer, 1),
    ):
        inputs = layer.weight[0].numel()
        outputs = layer.weight.numel() / layer.weight.shape[1]
        limit = gain * math.sqrt(6 / (inputs + outputs))
        assert 0.9 * limit < layer.weight.abs().max().item() <= limit


def test_r3gan_starts_as_published():
    """Fix-up (Huang 2024, section 4.2): variances 1 / fan_in; in a branch the gain of leaky ReLU over the fourth root
    of the number of blocks, and 0 in its last convolution, so that every block is the identity."""
    change = {"filters": 64, "blocks": 2, "group": 16, "init": {"name": "published"}}
    G, D = players(settings(R3GAN, generator=change, discriminator=change), (3, 32, 32))
    gain = math.sqrt(2 / 1.04) / 8**0.25  # 4 sizes of maps with 2 blocks each
    for net, others in ((G, [G.body.first.linear, G.last]), (D, [D.body.first, D.body.basis])):
        for block in [block for stage in net.body.blocks for block in stage]:
            first, grouped, last = block.residual
            assert grouped.weight.shape == (128, 16, 3, 3)
            assert first.weight.std().item() == pytest.approx(gain / 8, rel=0.04)
            assert grouped.weight.std().item() == pytest.approx(gain / 12, rel=0.04)
            assert not last.weight.any() and last.bias is None
            x = torch.randn(2, 64, 4, 4)
            assert torch.equal(block(x), x)
        for layer in others:
            fan_in = layer.weight[0].numel()
            assert layer.weight.std().item() == pytest.approx(fan_in**-0.5, rel=0.15)
    assert G.body.first.weight.std().item() == pytest.approx(1, rel=0.1)


def test_only_nets_that_say_how_they_start_start_as_published():
    with pytest.raises(ValueError, match="published is of the nets dcgan, resnet and r3gan; name"):
        settings(MLP, generator={"init": {"name": "published"}})


def test_other_initialisations_have_their_published_scales():
    layer = nn.Linear(300, 200)
    stream = generator(0, "init")
    initial._draw_weights(layer, XavierInit(name="xavier"), False, stream)
    assert layer.weight.std().item() == pytest.approx(math.sqrt(2 / 500), rel=0.02)
    initial._draw_weights(layer, OrthogonalInit(name="orthogonal", gain=2.0), False, stream)
    torch.testing.assert_close(layer.weight @ layer.weight.T, 4 * torch.eye(200), atol=1e-4, rtol=0)
    initial._draw_weights(layer, SparseInit(name="sparse", inputs=100), False, stream)
    assert (layer.weight != 0).sum(dim=1).tolist() == [100] * 200
    assert layer.weight[layer.weight != 0].std().item() == pytest.approx(1, rel=0.02)


@pytest.mark.parametrize(("kernel", "stride"), [(5, 3), (4, 2), (3, 1), (1, 2)])
def test_sparse_weights_of_a_transposed_convolution_are_counted_by_its_outputs(
    kernel: int, stride: int
):
    """With inputs and weights of 1, a pixel off the border is the number of its inputs."""
    layer = nn.ConvTranspose2d(80, 3, kernel, stride, bias=False)
    init = SparseInit(name="sparse", inputs=10)
    initial._draw_weights(layer, init, False, generator(0, "init"))
    with torch.no_grad():
        layer.weight.copy_((layer.weight != 0).float())
        reached = layer(torch.ones(1, 80, 13, 13))[0]
    inner = reached[:, kernel - 1 : 1 - kernel or None, kernel - 1 : 1 - kernel or None]
    assert inner.numel() > 0
    assert inner.unique().tolist() == ([0, 10] if kernel < stride else [10])


def test_the_last_layer_and_biases_may_start_otherwise():
    change = {
        "output_init": {"name": "uniform", "range": 0.5},
        "hidden": [30, 30],
        "activation": ["relu", "sigmoid"],
        "biases": [0, -2],
    }
    G, _ = players(settings(MLP, generator=change), (1, 8, 8))
    assert G.last.weight.abs().max().item() > 0.4
    assert G.body.hidden[1].linear.weight.std().item() == pytest.approx(0.02, rel=0.1)
    assert (G.body.hidden[1].linear.bias == -2).all()


@pytest.mark.parametrize("norm", ["batch", "instance", "virtual_batch"])
def test_gains_of_every_norm_start_around_1_with_the_deviation_asked_for(norm: str):
    init = {"name": "normal", "std": 0.02, "norm_std": 0.1}
    G, _ = players(
        settings(MLP, generator={"hidden": [400], "norm": norm, "init": init}), (1, 8, 8)
    )
    gains = G.body.hidden[0].norm.weight
    assert gains.mean().item() == pytest.approx(1, abs=0.02)
    assert gains.std().item() == pytest.approx(0.1, rel=0.2)


def test_as_many_activations_as_layers_are_needed():
    with pytest.raises(ValueError, match="activation has 3 entries for 2 hidden layers"):
        MlpGenerator(
            name="mlp",
            hidden=(2, 2),
            activation=("relu",) * 3,
            output="tanh",
            init=NormalInit(name="normal", std=1.0),
            optimizer=settings(MLP).generator.optimizer,
        )
