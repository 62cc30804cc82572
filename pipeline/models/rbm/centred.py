"""A restricted Boltzmann machine that learns with offsets of its units (Melchior, Fischer, Wiskott 2016).

E(v, h) = -(v - mu) W (h - lambda) - b (v - mu) - c (h - lambda). It has the distributions of a plain one; its
gradient differs: it does not depend on which value of a unit is called 1.
"""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from pipeline.models.rbm.energy import Rbm
from pipeline.models.rbm.gibbs import fair_coins

# Shapes: B batch, V visible units, H hidden units.

WEIGHT_STD = 0.01  # of the initial weights: Hinton 2012, section 8
# a pixel that is 0 in every image gets the mean of one image in a thousand: its bias stays finite
SMALLEST_MEAN = 0.001


class CentredRbm(nn.Module):
    """The parameters W [V, H], b [V], c [H], the offsets mu [V], lambda [H] and the chains it learns with."""

    visible_mean: Tensor  # of the training data, where annealed importance sampling starts
    visible_offset: Tensor
    hidden_offset: Tensor
    chains: Tensor  # hidden states of the chains of the negative phase

    def __init__(self, visible_mean_V: Tensor, hidden: int, chains: int, stream: torch.Generator):
        """`visible_mean_V`: mean of the training data in [0, 1]; small weights, and biases and offsets at which
        each visible unit has its mean and each hidden unit 1/2 (Melchior et al., section 4)."""
        super().__init__()
        mean_V = visible_mean_V.detach().float()
        shape = (len(mean_V), hidden)
        weight = torch.randn(shape, generator=stream, device=mean_V.device) * WEIGHT_STD
        self.weight = nn.Parameter(weight)
        self.visible_bias = nn.Parameter(base_rates(mean_V))
        self.hidden_bias = nn.Parameter(mean_V.new_zeros(hidden))
        self.register_buffer("visible_mean", mean_V.clone())
        self.register_buffer("visible_offset", mean_V.clone())
        self.register_buffer("hidden_offset", mean_V.new_full((hidden,), 0.5))
        self.register_buffer("chains", fair_coins(chains, hidden, stream))

    def plain(self) -> Rbm:
        """The same distribution without offsets; detached."""
        weight = self.weight.detach()
        return Rbm(
            weight,
            self.visible_bias.detach() - weight @ self.hidden_offset,
            self.hidden_bias.detach() - self.visible_offset @ weight,
        )

    def free_energy(self, v_BV: Tensor) -> Tensor:
        """-log of the sum over h of exp(-E(v, h)), [B] in nats; `plain`'s plus a constant."""
        centred_BV = v_BV - self.visible_offset
        logits_BH = self.hidden_bias + centred_BV @ self.weight
        hidden_B = F.softplus(logits_BH).sum(1) - logits_BH @ self.hidden_offset
        return -centred_BV @ self.visible_bias - hidden_B

    @torch.no_grad()
    def gradient(
        self, data_BV: Tensor, data_hidden_BH: Tensor, model_BV: Tensor, model_hidden_BH: Tensor
    ) -> list[Tensor]:
        """Gradient of mean F(data) - mean F(model) by W, b and c: what autograd would give.

        `data_hidden_BH`, `model_hidden_BH`: p(h = 1 | v) of the two batches, which the chains need anyway.
        """
        of_data = self._statistics(data_BV, data_hidden_BH)
        of_model = self._statistics(model_BV, model_hidden_BH)
        return [model - data for data, model in zip(of_data, of_model, strict=True)]

    def _statistics(self, v_BV: Tensor, hidden_BH: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Means over the batch of (v - mu)(h - lambda), v - mu and h - lambda."""
        centred_BV = v_BV - self.visible_offset
        centred_BH = hidden_BH - self.hidden_offset
        return centred_BV.T @ centred_BH / len(v_BV), centred_BV.mean(0), centred_BH.mean(0)

    @torch.no_grad()
    def move_offsets(self, visible_mean_V: Tensor, hidden_mean_H: Tensor, rate: float) -> None:
        """Move the offsets by `rate` towards the means, and the biases so that the distribution stays.

        Melchior et al., Algorithm 1. Means of the data give centring as Montavon & Mueller 2012; means of data and
        model together, at rate 1, the enhanced gradient of Cho, Raiko, Ilin 2011.
        """
        visible_V = (visible_mean_V - self.visible_offset) * rate
        hidden_H = (hidden_mean_H - self.hidden_offset) * rate
        self.visible_bias.add_(self.weight @ hidden_H)
        self.hidden_bias.add_(visible_V @ self.weight)
        self.visible_offset += visible_V
        self.hidden_offset += hidden_H


def base_rates(mean_V: Tensor) -> Tensor:
    """Biases [V] at which units without connections have the means `mean_V`, in [0, 1]."""
    return torch.logit(mean_V, SMALLEST_MEAN)
