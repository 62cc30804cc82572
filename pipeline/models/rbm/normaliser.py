"""log Z of a trained machine: counted where that is possible, else estimated from below and from above."""

import time
from dataclasses import dataclass, field

import torch

from pipeline.compute.streams import generator
from pipeline.models.common.likelihood import Kind
from pipeline.models.common.saved import Wait
from pipeline.models.rbm import ais, enumeration
from pipeline.models.rbm.centred import CentredRbm, base_rates
from pipeline.models.rbm.gibbs import sweep

TRIAL_STEPS = 20  # timed to say how long all of them will take
CHAINS = 100  # of AIS: Salakhutdinov & Murray 2008
MIXING_STEPS = (
    1_000  # of the chains that the machine learned with, before AIS in reverse starts from them
)


@dataclass(frozen=True)
class Normaliser:
    """log Z in nats, and what it is worth."""

    kind: Kind
    log_z: float
    how: str  # in words
    error: float | None = None  # of log_z, nats: one standard error over the chains of AIS
    # log_z, and the same by AIS in reverse: what a log-likelihood falls by if that one is the truth
    more: dict[str, float] = field(default_factory=dict)


@torch.no_grad()
def wait(net: CentredRbm, steps: int) -> Wait | None:
    """How long `of` will take: from a few distributions of the many. None where states are counted."""
    if net.weight.shape[1] <= enumeration.MOST_HIDDEN:
        return None
    begun = time.monotonic()
    stream = generator(0, "trial")
    ais.forwards(net.plain(), base_rates(net.visible_mean), ais.betas(TRIAL_STEPS), CHAINS, stream)
    each = (time.monotonic() - begun) / TRIAL_STEPS
    return Wait(
        each * (2 * steps + MIXING_STEPS),
        f"AIS with {CHAINS} chains and {steps:,} steps, there and back (train.annealing_steps)",
    )


@torch.no_grad()
def of(net: CentredRbm, steps: int) -> Normaliser:
    """`steps`: distributions on the way of AIS. From streams of its own: the same every time."""
    rbm = net.plain()
    if net.weight.shape[1] <= enumeration.MOST_HIDDEN:
        log_z = enumeration.log_z(rbm).item()
        return Normaliser(
            "exact", log_z, "log Z counted over all hidden states", None, {"log_z": log_z}
        )
    base_V, betas = base_rates(net.visible_mean), ais.betas(steps)
    found = ais.forwards(rbm, base_V, betas, CHAINS, generator(0, "AIS"))
    # one chain has no error over the chains: others begin where it is
    chains = net.chains if len(net.chains) > 1 else net.chains.expand(CHAINS, -1)
    v_RV = sweep(rbm, chains, MIXING_STEPS, generator(0, "mixing before AIS")).v_BV
    back = ais.in_reverse(rbm, base_V, betas, v_RV, generator(0, "AIS in reverse"))
    return Normaliser(
        "estimate",
        found.log_z,
        f"log Z by AIS with {CHAINS} chains and {steps:,} steps, in reverse "
        f"{back.log_z - found.log_z:+.2f} nats",
        found.standard_error,
        {
            "log_z": found.log_z,
            "log_z_effective_chains": found.effective_chains,
            "log_z_in_reverse": back.log_z,
            "log_z_in_reverse_error": back.standard_error,
        },
    )
