"""Facts of sections 3 and 4 of the 2014 paper, on four points of known densities."""

import math

import pytest
import torch
from torch import Tensor

from pipeline.models.gan.game import losses

P_DATA = torch.tensor([0.1, 0.2, 0.3, 0.4], dtype=torch.float64)
P_G = torch.tensor([0.4, 0.3, 0.1, 0.2], dtype=torch.float64)
IMAGES = 10  # of each density: as many of each point as it says
LOGITS = torch.tensor([-30.0, -8.0, -0.5, 0.0, 3.0, 12.0], dtype=torch.float64)


def discriminator_loss(logit_of_point: Tensor, p: Tensor, q: Tensor) -> Tensor:
    """D's loss on minibatches of data from `p` and samples from `q`."""
    drawn = [logit_of_point.repeat_interleave((d * IMAGES).round().long()) for d in (p, q)]
    return losses.discriminator(*drawn)


def test_value_at_equilibrium_is_minus_log_4():
    """Theorem 1: at p_g = p_data, D* is 1/2 and V = -log 4."""
    logit = torch.zeros(4, dtype=torch.float64)
    value = -discriminator_loss(logit, P_DATA, P_DATA)
    assert value.item() == pytest.approx(-math.log(4), abs=1e-12)


def test_the_best_discriminator_of_known_densities_is_p_data_over_the_sum():
    """Proposition 1: there the loss is flat, and greater everywhere else."""
    best = torch.logit(P_DATA / (P_DATA + P_G)).requires_grad_()
    least = discriminator_loss(best, P_DATA, P_G)
    (slope,) = torch.autograd.grad(least, best)
    assert slope.abs().max().item() < 1e-12
    for point in range(4):
        for step in (-0.01, 0.01):
            other = best.detach().clone()
            other[point] += step
            assert discriminator_loss(other, P_DATA, P_G) > least


def test_the_value_of_the_best_discriminator_is_the_divergence():
    """Theorem 1: C(G) = -log 4 + 2 JSD(p_data, p_g)."""
    middle = (P_DATA + P_G) / 2
    jsd = sum((p * (p / middle).log()).sum() for p in (P_DATA, P_G)) / 2
    best = torch.logit(P_DATA / (P_DATA + P_G))
    value = -discriminator_loss(best, P_DATA, P_G)
    assert value.item() == pytest.approx(-math.log(4) + 2 * jsd.item(), abs=1e-12)


def slope(loss, logit_B: Tensor) -> Tensor:
    """d loss / d logit of each image, times their number."""
    logit_B = logit_B.clone().requires_grad_()
    return torch.autograd.grad(loss(logit_B), logit_B)[0] * len(logit_B)


def test_minimax_saturates_where_d_wins_and_the_other_loss_where_g_wins():
    """Section 3: the slopes are -D and -(1 - D), so the same fixed point, D = 1/2, and opposite ends."""
    d = LOGITS.sigmoid()
    torch.testing.assert_close(slope(losses.minimax, LOGITS), -d, rtol=1e-9, atol=0)
    torch.testing.assert_close(
        slope(losses.non_saturating, LOGITS), -(-LOGITS).sigmoid(), rtol=1e-9, atol=1e-12
    )


def test_minimax_is_the_generators_part_of_equation_1():
    logits = torch.tensor([-2.0, 0.5, 3.0])
    expected = torch.log(1 - torch.sigmoid(logits)).mean()
    torch.testing.assert_close(losses.minimax(logits), expected)


@pytest.mark.parametrize("target", [0.0, 0.3, 0.9, 1.0])
def test_the_loss_with_a_target_is_least_where_d_is_the_target(target: float):
    """Its slope is D - t: the loss is a cross-entropy."""
    found = slope(lambda logit: losses.towards(logit, torch.tensor(target)), LOGITS)
    torch.testing.assert_close(found, LOGITS.sigmoid() - target, rtol=1e-6, atol=1e-7)
