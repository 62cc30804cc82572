"""Discriminator rejection sampling: against closed forms on known densities."""

import math

import pytest
import torch
from torch import Tensor, nn

from pipeline.errors import DataError
from pipeline.models.gan.noise import Latent
from pipeline.models.gan.rejection import draw_accepted, limit, probability


class Uniform(nn.Module):
    """G(z) = z, uniform on [0, 1); of class y on [y, y + 1)."""

    def __init__(self, classes: int = 0):
        super().__init__()
        self.classes = classes

    def latent(self, count: int, stream: torch.Generator) -> Latent:
        labels = torch.zeros(count, dtype=torch.long) if self.classes else None
        return Latent(torch.rand(count, 1, generator=stream), labels)

    def forward(self, z_B1: Tensor, labels_B: Tensor | None = None) -> Tensor:
        x_B1 = z_B1 if labels_B is None else z_B1 + labels_B[:, None]
        return x_B1[:, :, None, None]


class Optimal(nn.Module):
    """D* where the data have the density 2 x on [0, 1): its logit is log 2 x."""

    def forward(self, x_B111: Tensor, labels_B: Tensor | None = None) -> Tensor:
        return (2 * (x_B111.flatten() % 1)).log()


def drawn(accepted: float, count: int = 20_000, classes: int = 0, **changes) -> Tensor:
    settings = {"batch_size": 1_000, "seed": 3, "labels": [*range(classes)] or None} | changes
    blocks = draw_accepted(Uniform(classes), Optimal(), accepted, count, **settings)
    return torch.cat(list(blocks)).flatten()


def test_few_kept_samples_of_an_optimal_d_have_the_density_of_the_data():
    """E[x] = 2/3 and E[x^2] = 1/2 under 2 x; half are kept where the limit is the largest ratio, 2."""
    x_N = drawn(accepted=0.5)
    assert x_N.mean().item() == pytest.approx(2 / 3, abs=0.005)
    assert x_N.square().mean().item() == pytest.approx(1 / 2, abs=0.005)


@pytest.mark.parametrize("accepted", [0.75, 0.9])
def test_many_kept_samples_have_the_smaller_of_both_densities(accepted: float):
    """Kept: min(1, x / t), which integrates to 1 - t / 2 = accepted; so E[x] = (1/2 - t^2 / 6) / (1 - t / 2)."""
    t = 2 * (1 - accepted)
    expected = (1 / 2 - t**2 / 6) / (1 - t / 2)
    assert drawn(accepted).mean().item() == pytest.approx(expected, abs=0.006)


def test_each_class_has_as_many_samples_in_turn_and_its_own_limit():
    x_N = drawn(accepted=0.5, count=6_000, classes=3)
    assert x_N.floor().tolist() == [0, 1, 2] * 2_000
    assert (x_N % 1).mean().item() == pytest.approx(2 / 3, abs=0.01)
    assert set(drawn(0.5, count=50, classes=3, labels=[2]).floor().tolist()) == {2}


def test_the_first_of_many_are_those_of_few_whatever_the_batch_size():
    many = drawn(0.6, count=700)
    assert torch.equal(drawn(0.6, count=100), many[:100])
    assert torch.equal(drawn(0.6, count=700, batch_size=160), many)
    assert not torch.equal(drawn(0.6, count=700, seed=4), many)


def test_the_limit_gives_the_share_that_was_asked_for():
    logits = torch.randn(5_000, generator=torch.Generator().manual_seed(0)) * 3
    for share in (0.01, 0.3, 0.99):
        kept = probability(logits, limit(logits, share)).mean().item()
        assert kept == pytest.approx(share, abs=1e-6)
    same = torch.full((10,), 2.0)
    for share in (0.03, 0.25, 0.42, 0.55, 0.98, 1):  # for some, exp(log(share)) is not below share
        assert limit(same, share) == pytest.approx(2 - math.log(share))


def test_a_d_without_a_number_is_refused_instead_of_drawing_for_ever():
    class Broken(Optimal):
        def forward(self, x_B111: Tensor, labels_B: Tensor | None = None) -> Tensor:
            return torch.full((len(x_B111),), math.nan)

    with pytest.raises(DataError, match="D's output for samples is not finite"):
        next(draw_accepted(Uniform(), Broken(), 0.5, 10, batch_size=10, seed=0))
