"""The distribution of a restricted Boltzmann machine of binary units."""

from typing import NamedTuple

import torch.nn.functional as F
from torch import Tensor

# Shapes: B batch, V visible units, H hidden units.


class Rbm(NamedTuple):
    """p(v, h) = exp(v W h + b v + c h) / Z for v in {0, 1}^V and h in {0, 1}^H."""

    weight_VH: Tensor
    visible_bias_V: Tensor
    hidden_bias_H: Tensor

    def hidden_logits(self, v_BV: Tensor) -> Tensor:
        """Logits [B, H] of p(h = 1 | v)."""
        return self.hidden_bias_H + v_BV @ self.weight_VH

    def visible_logits(self, h_BH: Tensor) -> Tensor:
        """Logits [B, V] of p(v = 1 | h)."""
        return self.visible_bias_V + h_BH @ self.weight_VH.T

    def free_energy(self, v_BV: Tensor) -> Tensor:
        """-log of the sum over h of exp(v W h + b v + c h), [B] in nats: log p(v) = -F(v) - log Z."""
        return -v_BV @ self.visible_bias_V - F.softplus(self.hidden_logits(v_BV)).sum(1)

    def double(self) -> "Rbm":
        """The same in float64."""
        return Rbm(*(part.double() for part in self))
