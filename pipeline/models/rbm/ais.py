"""Annealed importance sampling of log Z (Neal 2001; Salakhutdinov & Murray 2008), forwards and in reverse.

Chains pass through distributions f_beta(v) = exp((1 - beta) a v + beta b v) times the product over hidden units j of
1 + exp(beta (c + v W)_j), from independent pixels with biases a at beta = 0 to the model at beta = 1.
"""

import itertools
import math
from collections.abc import Sequence
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor

from pipeline.models.rbm.energy import Rbm
from pipeline.models.rbm.gibbs import bernoulli

# Shapes: R chains, V visible units, H hidden units.

# Salakhutdinov & Murray's 14,500 betas: this share of all of them up to this beta, evenly spaced
SPACING = ((500 / 14_500, 0.5), (4_000 / 14_500, 0.9), (10_000 / 14_500, 1.0))


class Estimate(NamedTuple):
    """An estimate of log Z from independent chains."""

    log_z: float  # nats
    standard_error: float  # of log_z over the chains, nats, to first order
    effective_chains: float  # (sum of weights)^2 / sum of squares: 1 if one chain outweighs all


def betas(count: int) -> list[float]:
    """0 and `count` rising values more up to 1, close together where Salakhutdinov & Murray have them so."""
    values, before = [0.0], 0.0
    left = count
    for share, end in SPACING:
        steps = max(1, round(share * count)) if end < 1 else left
        values += [before + (end - before) * (i + 1) / steps for i in range(steps)]
        before, left = end, left - steps
    return values


@torch.no_grad()
def forwards(
    rbm: Rbm, base_V: Tensor, betas: Sequence[float], chains: int, stream: torch.Generator
) -> Estimate:
    """From the base rates `base_V` (biases) to the model.

    E[Z estimated] = Z, so by Jensen E[log_z] <= log Z: a stochastic lower bound of log Z. A log-likelihood
    -F(v) - log_z is then too high in expectation, by what the chains did not reach.
    """
    v_RV = bernoulli(torch.sigmoid(base_V).expand(chains, -1), stream)
    log_weights_R = _log_weights(rbm, base_V, betas, v_RV, stream)
    mean, error, effective = _log_mean(log_weights_R)
    return Estimate(_log_z_of_base(rbm, base_V) + mean, error, effective)


@torch.no_grad()
def in_reverse(
    rbm: Rbm, base_V: Tensor, betas: Sequence[float], v_RV: Tensor, stream: torch.Generator
) -> Estimate:
    """From states `v_RV` of the model to the base rates.

    If the states were drawn from the model, E[1 / Z estimated] = 1 / Z, so E[log_z] >= log Z: a stochastic upper
    bound of log Z, and -F(v) - log_z is too low in expectation. States of Gibbs chains are draws from the
    model only as far as the chains have mixed: the bound then holds as far as they have.
    """
    falling = list(reversed(betas))
    log_weights_R = _log_weights(rbm, base_V, falling, v_RV, stream)
    mean, error, effective = _log_mean(log_weights_R)
    return Estimate(_log_z_of_base(rbm, base_V) - mean, error, effective)


def _log_weights(
    rbm: Rbm, base_V: Tensor, betas: Sequence[float], v_RV: Tensor, stream: torch.Generator
) -> Tensor:
    """Sum over neighbours in `betas` of log f_next(v) - log f(v), float64 [R]; v moves by a step of each f.

    A step, h given v, then v given h, is reversible: the same steps serve both directions.
    """
    tilt_V = rbm.visible_bias_V - base_V
    log_weights_R = torch.zeros(len(v_RV), dtype=torch.float64, device=v_RV.device)
    for beta, following in itertools.pairwise(betas):
        logits_RH = rbm.hidden_logits(v_RV)
        hidden_RH = F.softplus(following * logits_RH) - F.softplus(beta * logits_RH)
        log_weights_R += hidden_RH.sum(1, dtype=torch.float64)
        log_weights_R += (following - beta) * (v_RV @ tilt_V).double()
        h_RH = bernoulli(torch.sigmoid(following * logits_RH), stream)
        logits_RV = torch.lerp(base_V, rbm.visible_logits(h_RH), following)
        v_RV = bernoulli(torch.sigmoid(logits_RV), stream)
    return log_weights_R


def _log_z_of_base(rbm: Rbm, base_V: Tensor) -> float:
    """log Z at beta = 0: pixels with biases `base_V`, and fair coins as hidden units."""
    return F.softplus(base_V.double()).sum().item() + len(rbm.hidden_bias_H) * math.log(2)


def _log_mean(log_weights_R: Tensor) -> tuple[float, float, float]:
    """The log of the weights' mean, its standard error, and the effective number of weights."""
    chains = len(log_weights_R)
    log_sum = torch.logsumexp(log_weights_R, 0).item()
    shares_R = torch.exp(log_weights_R - log_sum)  # their mean is 1 / chains
    error = shares_R.std().item() * math.sqrt(chains)  # std / mean / sqrt(chains)
    return log_sum - math.log(chains), error, 1 / shares_R.square().sum().item()
