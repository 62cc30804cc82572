"""The posterior of a deep Boltzmann machine, and the bound that it gives (Salakhutdinov & Hinton 2009).

E(v, h, t) = -v W h - h U t - b v - c h - d t joins v and t to h only. So it is a restricted Boltzmann machine whose
visible units are v and t together, with the weights W above U': its Gibbs sampling, its log Z and its gradient are
those of that machine. What differs is that t is not seen in the data.
"""

import torch
from torch import Tensor

from pipeline.models.rbm.energy import Rbm

# Shapes: B images, D pixels, H units of the first hidden layer, T of the second one; visible units are D + T.


@torch.no_grad()
def top(rbm: Rbm, v_BD: Tensor, sweeps: int) -> Tensor:
    """Means [B, T] of the second layer under q(h) q(t), the factorial distribution nearest to p(h, t | v) after so
    many `sweeps` from no knowledge of v. Each raises the bound."""
    pixels = v_BD.shape[1]
    up_HT, bias_T = rbm.weight_VH[pixels:].T, rbm.visible_bias_V[pixels:]
    below_BH = rbm.hidden_bias_H + v_BD @ rbm.weight_VH[:pixels]
    means_BT = torch.sigmoid(bias_T).expand(len(v_BD), -1)
    for _ in range(sweeps):
        means_BH = torch.sigmoid(below_BH + means_BT @ up_HT.T)
        means_BT = torch.sigmoid(bias_T + means_BH @ up_HT)
    return means_BT


@torch.no_grad()
def bound(rbm: Rbm, log_z: float, v_BD: Tensor, sweeps: int) -> Tensor:
    """E_q[-E(v, h, t)] + H(q) - log Z <= log p(v), float64 [B] in nats.

    -F of the pixels and the means of t is the expectation for the best q(h) given q(t), with the entropy of that q(h).
    """
    means_BT = top(rbm, v_BD, sweeps)
    entropy_BT = torch.special.entr(means_BT) + torch.special.entr(1 - means_BT)
    energy_B = rbm.free_energy(torch.cat([v_BD, means_BT], 1)).double()
    return entropy_BT.sum(1, dtype=torch.float64) - energy_B - log_z
