"""Bounds of a decoder's likelihood against a linear one, whose likelihood is known."""

import math

import pytest
import torch

from pipeline.compute.streams import generator, normal
from pipeline.evaluation.theory import variational

PIXELS, NOISE, STD = 6, 2, 0.4


def linear_decoder():
    """x = W z + b + noise: probabilistic PCA; W and b in float64."""
    stream = generator(0, "decoder")
    weight, bias = (
        torch.randn(PIXELS, NOISE, generator=stream),
        torch.randn(PIXELS, generator=stream),
    )
    return weight.double(), bias.double()


def known(count: int = 40):
    """Decoder, images of the model, log p(x) of each, and the exact posterior's mean and covariance."""
    weight, bias = linear_decoder()
    stream = generator(1, "data")
    z = normal((count, NOISE), stream).double()
    x = z @ weight.T + bias + STD * normal((count, PIXELS), stream).double()
    of_x = torch.distributions.MultivariateNormal(
        bias, weight @ weight.T + STD**2 * torch.eye(PIXELS, dtype=torch.float64)
    )
    precision = weight.T @ weight / STD**2 + torch.eye(NOISE, dtype=torch.float64)
    covariance = torch.linalg.inv(precision)
    mean = (x - bias) @ weight @ covariance / STD**2
    return (lambda z: z.double() @ weight.T + bias), x, of_x.log_prob(x), mean, covariance


def found(decode, x, mean, log_variance, samples: int) -> variational.Bounds:
    stream = generator(2, "draws")
    return variational.bounds(decode, STD, x, (mean, log_variance), samples, stream)


def test_with_the_true_posterior_one_draw_is_enough():
    """Then all weights are p(x): with a diagonal posterior, as of a decoder with orthogonal columns."""
    _, x, _, _, _ = known()
    weight, bias = linear_decoder()
    weight = torch.linalg.qr(weight).Q * torch.tensor([1.5, 0.7], dtype=torch.float64)
    covariance = weight @ weight.T + STD**2 * torch.eye(PIXELS, dtype=torch.float64)
    exact = torch.distributions.MultivariateNormal(bias, covariance).log_prob(x)
    variance = 1 / (weight.square().sum(dim=0) / STD**2 + 1)
    mean = (x - bias) @ weight * variance / STD**2
    of_orthogonal = lambda z: z.double() @ weight.T + bias  # noqa: E731
    for samples in (1, 7):
        bounds = found(of_orthogonal, x, mean, variance.log().expand_as(mean), samples)
        torch.testing.assert_close(bounds.elbo, exact, atol=1e-5, rtol=0)
        torch.testing.assert_close(bounds.importance_weighted, exact, atol=1e-5, rtol=0)
        torch.testing.assert_close(bounds.effective_samples, torch.full_like(exact, samples))


def test_the_bound_rises_with_the_draws_from_the_elbo_to_the_likelihood_and_not_beyond():
    """A posterior without correlations, and too wide."""
    decode, x, exact, mean, covariance = known()
    log_variance = (2 * covariance.diagonal()).log().expand_as(mean)
    q = torch.distributions.MultivariateNormal(mean, torch.diag_embed(log_variance.exp()))
    true = torch.distributions.MultivariateNormal(mean, covariance)
    elbo = exact - torch.distributions.kl_divergence(q, true)
    means = {k: found(decode, x, mean, log_variance, k) for k in (1, 5, 50, 5_000)}
    assert means[5_000].elbo.mean().item() == pytest.approx(elbo.mean().item(), abs=0.02)
    rising = [means[k].importance_weighted.mean().item() for k in (1, 5, 50, 5_000)]
    assert rising[0] < rising[1] - 0.1 and rising[1] < rising[2] - 0.02
    # from here on the difference is smaller than what 50 draws leave to chance
    assert max(rising) < exact.mean().item() + 0.02
    assert rising[3] == pytest.approx(exact.mean().item(), abs=0.01)
    for bounds in means.values():
        assert (bounds.importance_weighted >= bounds.elbo - 1e-9).all()


def test_one_draw_that_outweighs_all_others_is_seen():
    decode, x, _, mean, _ = known()
    bounds = found(decode, x, mean, torch.full_like(mean, math.log(100.0)), 50)
    assert bounds.effective_samples.mean() < 5
