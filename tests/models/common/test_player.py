"""A player's step, whose gradients lie where autograd left them or in one vector."""

import pytest
import torch
from torch import nn

from pipeline.config.models.common.optimizers import Adam
from pipeline.models.common.layers import connected
from pipeline.models.common.player import Player

# weights of a layer from which Adam reads their gradient in place, and of one that fills no register
NETS = {"large": (256, 256, 16), "odd": (257, 256, 1), "after an odd one": (3, 257, 1024)}


@pytest.mark.parametrize("widths", NETS.values(), ids=NETS)
def test_gradients_read_in_place_give_the_bits_of_gradients_copied(widths):
    first = nn.Sequential(nn.Linear(*widths[:2]), nn.Linear(*widths[1:]))
    players = []
    for _ in range(2):
        net = nn.Sequential(nn.Linear(*widths[:2]), nn.Linear(*widths[1:]))
        net.load_state_dict(first.state_dict())
        players.append(Player(net, Adam(name="adam", lr=0.01)))
    in_place, copied = players
    changes = []
    copied.before_each_step(lambda: changes.append(copied.gradient_norm().item()))
    x = torch.randn(7, widths[0], generator=torch.Generator().manual_seed(1))
    for _ in range(3):
        for player in players:
            loss = player(x).square().mean()
            player.step(torch.autograd.grad(loss, player.params))
        assert torch.equal(in_place.vector, copied.vector)
        assert in_place.gradient_norm() == copied.gradient_norm() == changes[-1]
        assert torch.equal(in_place.vector.grad, copied.vector.grad)
    assert not torch.equal(in_place.vector, Player(first, Adam(name="adam", lr=0.01)).vector)


@pytest.mark.parametrize("device_adam", [True, False], ids=["in one pass", "torch's"])
def test_weights_before_norms_decay_alone_and_by_the_share_that_adamw_takes(device_adam: bool):
    """A gradient of 0 leaves all that does not decay as it is; other weights of the net get torch.optim.Adam's step."""
    settings = Adam(name="adam", lr=0.1, weight_decay=0.5, decayed="before_norms")
    layers = [connected(6, 5, "maxout", 2, "batch"), connected(5, 4, "relu", 1, "none")]
    player = Player(nn.Sequential(*layers, nn.Linear(4, 3)), settings)
    if not device_adam:
        player.optimizer = torch.optim.Adam([player.vector], settings.lr)
    before = [view.clone() for view in player.views]
    player.step([torch.zeros_like(param) for param in player.params])
    changed = [i for i, old in enumerate(before) if not torch.equal(player.views[i], old)]
    assert changed == [0], "the matrix before the norm, no bias, no gain, no matrix after it"
    torch.testing.assert_close(player.views[0], before[0] * (1 - 0.1 * 0.5))


def test_a_layer_before_a_norm_computes_the_same_however_far_its_weights_have_shrunk():
    layer = connected(6, 5, "relu", 1, "batch")
    x = torch.randn(50, 6)
    before = layer(x)
    with torch.no_grad():
        layer.linear.weight.mul_(0.5)
    torch.testing.assert_close(layer(x), before, rtol=1e-3, atol=1e-3)


def test_what_changes_gradients_computes_in_float32_whatever_the_products_do():
    player = Player(nn.Linear(4, 3), Adam(name="adam", lr=0.1), precision="bf16")
    seen = []
    player.before_each_step(lambda: seen.append((torch.ones(2, 2) @ torch.ones(2, 2)).dtype))
    with torch.autocast("cpu", torch.bfloat16):
        assert (torch.ones(2, 2) @ torch.ones(2, 2)).dtype == torch.bfloat16
        player.step([torch.zeros_like(p) for p in player.params])
    assert seen == [torch.float32]


def test_weights_have_a_copy_in_16_bits_and_biases_of_any_shape_have_none():
    class WithBiasOfPixels(nn.Module):
        def __init__(self):
            super().__init__()
            self.linear = nn.Linear(4, 6)
            self.bias = nn.Parameter(torch.zeros(1, 2, 3))

    net = WithBiasOfPixels()
    Player(net, Adam(name="adam", lr=0.1), precision="bf16")
    assert {name for name, p in net.named_parameters() if p.dtype == torch.bfloat16} == {
        "linear.weight"
    }
