"""Small machines whose every state can be counted."""

import torch
from torch import Tensor

from pipeline.compute.streams import generator
from pipeline.models.rbm.centred import CentredRbm
from pipeline.models.rbm.energy import Rbm
from pipeline.models.rbm.enumeration import all_states, log_z


def machine(visible: int = 5, hidden: int = 4, std: float = 1.0) -> Rbm:
    """Random parameters, float64."""
    stream = generator(0, f"machine {visible} {hidden}")
    parts = [
        torch.randn(shape, generator=stream, dtype=torch.float64) * std
        for shape in ((visible, hidden), (visible,), (hidden,))
    ]
    return Rbm(*parts)


def centred_machine(visible: int = 5, hidden: int = 4) -> CentredRbm:
    """Random parameters and offsets, float64."""
    stream = generator(1, "machine")
    net = CentredRbm(torch.full((visible,), 0.5), hidden, 3, stream).double()
    with torch.no_grad():
        for part in net.parameters():
            part.copy_(torch.randn(part.shape, generator=stream))
        for part in net.buffers():
            part.copy_(torch.rand(part.shape, generator=stream))
    return net


def probabilities(rbm: Rbm) -> Tensor:
    """p(v) of all_states, in their order."""
    states = all_states(len(rbm.visible_bias_V))
    return torch.exp(-rbm.double().free_energy(states) - log_z(rbm))


def exact_draws(rbm: Rbm, count: int) -> Tensor:
    """Independent visible states [count, V] of the distribution itself, in the dtype of `rbm`."""
    chosen = torch.multinomial(probabilities(rbm), count, True, generator=generator(2, "draws"))
    return all_states(len(rbm.visible_bias_V))[chosen].to(rbm.weight_VH.dtype)
