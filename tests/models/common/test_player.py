"""A player's step, whose gradients lie where autograd left them or in one vector."""

import pytest
import torch
from torch import nn

from pipeline.config.models.common.optimizers import Adam
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
