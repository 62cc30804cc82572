import math

import pytest
import torch

from pipeline.models.gan.game import losses


def test_value_at_equilibrium_is_minus_log_4():
    """Section 4.1: at p_g = p_data, D = 1/2 everywhere and V = -log 4."""
    logits = torch.zeros(7, dtype=torch.float64)
    value = -losses.discriminator(logits, logits)
    assert value.item() == pytest.approx(-math.log(4), abs=1e-12)


def test_the_best_discriminator_of_known_densities_is_p_data_over_the_sum():
    """Proposition 1, on four points: gradient descent on D's loss ends at D*."""
    p_data = torch.tensor([0.1, 0.2, 0.3, 0.4], dtype=torch.float64)
    p_g = torch.tensor([0.4, 0.3, 0.2, 0.1], dtype=torch.float64)
    logits = torch.zeros(4, dtype=torch.float64, requires_grad=True)
    drawn = 10_000
    real = logits.repeat_interleave((p_data * drawn).round().long())
    fake = logits.repeat_interleave((p_g * drawn).round().long())
    optimizer = torch.optim.LBFGS([logits], max_iter=100, tolerance_grad=1e-12)

    def closure():
        optimizer.zero_grad()
        loss = losses.discriminator(
            logits.repeat_interleave((p_data * drawn).round().long()),
            logits.repeat_interleave((p_g * drawn).round().long()),
        )
        loss.backward()
        return loss

    optimizer.step(closure)
    assert real.shape == fake.shape
    torch.testing.assert_close(
        logits.sigmoid().detach(), p_data / (p_data + p_g), atol=1e-4, rtol=0
    )


def test_minimax_gradient_vanishes_where_non_saturating_does_not():
    for loss, low, high in [(losses.minimax, 0.0, 1e-3), (losses.non_saturating, 0.9, 1.0)]:
        logit = torch.tensor([-8.0], requires_grad=True)
        loss(logit).backward()
        assert low <= logit.grad.abs().item() <= high


def test_both_generator_losses_pull_the_logit_up():
    for loss in losses.GENERATOR.values():
        logit = torch.tensor([0.3], requires_grad=True)
        loss(logit).backward()
        assert logit.grad.item() < 0


def test_minimax_is_the_generators_part_of_equation_1():
    logits = torch.tensor([-2.0, 0.5, 3.0])
    expected = torch.log(1 - torch.sigmoid(logits)).mean()
    torch.testing.assert_close(losses.minimax(logits), expected)
