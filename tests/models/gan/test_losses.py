"""Facts of sections 3 and 4 of the 2014 paper, on four points of known densities."""

import math

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from pipeline.compute.streams import generator
from pipeline.config.models.gan.losses import OTHER_NAMES, is_critic
from pipeline.config.models.gan.tips import Labels
from pipeline.models.gan.game import losses
from pipeline.models.gan.game.equilibrium import optimal_discriminator
from pipeline.models.gan.game.targets import Targets
from tests.config.test_params import complaint
from tests.models.gan.test_training import settings_with

P_DATA = torch.tensor([0.1, 0.2, 0.3, 0.4], dtype=torch.float64)
P_G = torch.tensor([0.4, 0.3, 0.1, 0.2], dtype=torch.float64)
IMAGES = 10  # of each density: as many of each point as it says
PAIRS = {name: pair(Targets(Labels(), generator(0, ""))) for name, pair in losses.PAIRS.items()}
STEPS = 600
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


def best(name: str, start: Tensor) -> tuple[Tensor, float]:
    """D's outputs at the four points after descent on the pair's loss, and the loss there."""
    l_4 = start.clone().requires_grad_()
    optimizer = torch.optim.Adam([l_4], lr=0.1)
    # every pair of a point of the data and one of the samples, as often as densities say
    data, samples = (
        torch.arange(4).repeat_interleave((d * IMAGES).round().long()) for d in (P_DATA, P_G)
    )
    data, samples = data.repeat(IMAGES), samples.repeat_interleave(IMAGES)
    for step in range(STEPS):
        optimizer.param_groups[0]["lr"] = 0.1 * (1 - step / STEPS)
        optimizer.zero_grad()
        PAIRS[name].D(l_4[data], l_4[samples]).backward()
        optimizer.step()
    return l_4.detach(), PAIRS[name].D(l_4[data], l_4[samples]).item()


@pytest.mark.parametrize("name", [name for name in PAIRS if name != "wasserstein"])
def test_the_best_d_of_known_densities_is_as_stated(name: str):
    """Found by optimising a table of D's outputs."""
    settings = settings_with({"loss": name})
    found, _ = best(name, torch.zeros(4, dtype=torch.float64))
    expected = torch.tensor(
        [
            optimal_discriminator(settings, p, q)
            for p, q in zip(P_DATA.tolist(), P_G.tolist(), strict=True)
        ],
        dtype=torch.float64,
    )
    d = losses.value(name, found)
    if name == "relativistic":
        d = d - d.mean() + expected.mean()
    torch.testing.assert_close(d, expected, atol=1e-3, rtol=0)


def test_the_least_losses_are_the_stated_divergences():
    tv = (P_DATA - P_G).abs().sum().item() / 2
    _, hinge = best("hinge", torch.zeros(4, dtype=torch.float64))
    assert hinge == pytest.approx(2 - 2 * tv, abs=1e-3)
    # Mao 2017: half the harmonic mean, of which 1/4 is left at p = q
    _, squares = best("least_squares", torch.zeros(4, dtype=torch.float64))
    assert squares == pytest.approx((P_DATA * P_G / (P_DATA + P_G)).sum().item() / 2, abs=1e-6)
    # Kantorovich's potential of the four points in a row, one apart: slopes of the sign of the gap of the two
    # distribution functions, and then the distance is the area between these
    gap = (P_G - P_DATA).cumsum(0)[:3]
    potential = torch.cat([torch.zeros(1), gap.sign().cumsum(0)]).double()
    of_data, of_samples = (
        potential.repeat_interleave((d * IMAGES).round().long()) for d in (P_DATA, P_G)
    )
    assert -PAIRS["wasserstein"].D(of_data, of_samples).item() == pytest.approx(gap.abs().sum())


def test_a_critics_d_is_its_output_and_no_sigmoid_of_it():
    for name in PAIRS:
        expected = LOGITS if is_critic(name) else LOGITS.sigmoid()
        assert torch.equal(losses.value(name, LOGITS), expected)


@pytest.mark.parametrize("name", PAIRS)
def test_every_loss_of_g_falls_where_d_says_more_of_samples(name: str):
    real = torch.zeros(3)
    assert (slope(lambda l_B: PAIRS[name].G(real, l_B), torch.tensor([-2.0, 0.1, 0.9])) < 0).all()


def test_paired_losses_compare_each_sample_with_its_own_image():
    real, fake = torch.tensor([1.0, -2.0]), torch.tensor([0.5, 3.0])
    pair = PAIRS["relativistic"]
    assert pair.D(real, fake).item() == pytest.approx(F.softplus(torch.tensor([-0.5, 5.0])).mean())
    assert pair.G(real, fake).item() == pytest.approx(F.softplus(torch.tensor([0.5, -5.0])).mean())


@pytest.mark.parametrize("name", OTHER_NAMES)
def test_names_of_other_projects_lead_to_ours(name: str):
    message = complaint(lambda p: p["runs"]["digits"]["train"].update(loss=name))
    assert f"train.loss: found {name!r}, which is called {OTHER_NAMES[name]} here" in message


def g_loss(name: str):
    return lambda fake_B: PAIRS[name].G(None, fake_B)


def slope(loss, logit_B: Tensor) -> Tensor:
    """d loss / d logit of each image, times their number."""
    logit_B = logit_B.clone().requires_grad_()
    return torch.autograd.grad(loss(logit_B), logit_B)[0] * len(logit_B)


def test_minimax_saturates_where_d_wins_and_the_other_loss_where_g_wins():
    """Section 3: the slopes are -D and -(1 - D), so the same fixed point, D = 1/2, and opposite ends."""
    d = LOGITS.sigmoid()
    torch.testing.assert_close(slope(g_loss("minimax"), LOGITS), -d, rtol=1e-9, atol=0)
    torch.testing.assert_close(
        slope(g_loss("non_saturating"), LOGITS), -(-LOGITS).sigmoid(), rtol=1e-9, atol=1e-12
    )


def test_minimax_is_the_generators_part_of_equation_1():
    logits = torch.tensor([-2.0, 0.5, 3.0])
    expected = torch.log(1 - torch.sigmoid(logits)).mean()
    torch.testing.assert_close(g_loss("minimax")(logits), expected)


@pytest.mark.parametrize("target", [0.0, 0.3, 0.9, 1.0])
def test_the_loss_with_a_target_is_least_where_d_is_the_target(target: float):
    """Its slope is D - t: the loss is a cross-entropy."""
    found = slope(lambda logit: losses.towards(logit, torch.tensor(target)), LOGITS)
    torch.testing.assert_close(found, LOGITS.sigmoid() - target, rtol=1e-6, atol=1e-7)
