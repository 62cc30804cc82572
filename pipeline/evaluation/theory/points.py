"""Points of a known density: D against D* and C(G) throughout a training, and Figure 1."""

from collections.abc import Callable

import torch
from torch import Tensor

from pipeline.compute.streams import generator
from pipeline.evaluation.theory import figure_1, players, quadrature
from pipeline.evaluation.theory.players import Noise, Players
from pipeline.evaluation.theory.quadrature import LOG_4, Mixture

FAR = 0.08  # nats above -log 4; one of eight modes missing costs 0.09, no overlap 1.39


def evaluate(
    moments: list[Players],
    noise: Noise,
    mixture: Mixture,
    train: Tensor,
    averaged: bool,
    critic: bool,
    keep: Callable[[Tensor], Tensor] | None = None,
) -> dict:
    """The content of theory.json. `moments`: in the order of their steps, the last is the end;
    `train`: training points, [N, A, 1, 1]; `averaged`: samples are drawn from G's average; `critic`: D(x) is no
    probability, so it is not held against D*; `keep`: samples -> how probable it is that each is kept, where some are
    rejected, [N]."""
    rows = [moment(one, noise, mixture, critic) for one in moments]
    final, c_of_each = rows[-1], [row["c"] for row in rows]
    c = final["c_of_average"] if averaged else final["c"]
    if keep is not None:
        c = c_of_kept(moments[-1], keep, noise, mixture, averaged)
    return {
        "kind": "quadrature",
        "axes": mixture.axes,
        "minus_log_4": -LOG_4,
        "floor": floor(mixture),
        "final": final,
        "sampled": {"weights": "ema" if averaged else "raw", "c": c, "jsd": (c + LOG_4) / 2},
        "warnings": [*doubts(final), *too_narrow(mixture)],
        "over_training": rows,
        "panels": figure_1.of_critic(moments, c_of_each, noise, mixture)
        if critic
        else figure_1.panels(moments, c_of_each, noise, mixture, train),
    }


def moment(one: Players, noise: Noise, mixture: Mixture, critic: bool) -> dict:
    """Numbers of one moment: of G as D met it, and C(G) of its moving average where there is one."""
    data_Q, model_Q = quadrature.exact_mass(mixture), players.mass(one.G, noise)
    if critic:
        numbers = quadrature.divergence(data_Q, model_Q)
    else:
        d_Q = players.d_at_centres(one.D, mixture)
        numbers = quadrature.against_the_optimum(data_Q, model_Q, d_Q)
    of_average = None
    if one.average is not None:
        of_average = quadrature.c_of_g(data_Q, players.mass(one.average, noise))
    return {"step": one.step, **numbers, "c_of_average": of_average}


def c_of_kept(
    last: Players,
    keep: Callable[[Tensor], Tensor],
    noise: Noise,
    mixture: Mixture,
    averaged: bool,
) -> float:
    """C of the samples that D lets through."""
    G = last.average if averaged else last.G
    assert G is not None
    model_Q = players.mass(G, noise, keep)
    return quadrature.c_of_g(quadrature.exact_mass(mixture), model_Q)


def floor(mixture: Mixture) -> float:
    """C(G) of as many points drawn from p_data itself, by counting in cells; the exact value is -log 4."""
    stream = generator(0, "theory floor")
    count = players.POINTS
    component = torch.randint(len(mixture.means_KA), (count,), generator=stream)
    drawn = torch.randn((count, mixture.axes), generator=stream)
    points = mixture.means_KA[component] + mixture.std * drawn
    return quadrature.c_of_g(quadrature.exact_mass(mixture), quadrature.counted_mass(points))


def too_narrow(mixture: Mixture):
    """A density that changes within a cell: counting sees nothing of how G does there."""
    width = (2 * quadrature.REACH) / quadrature.CELLS_PER_AXIS[mixture.axes]
    if mixture.std < width:
        yield (
            f"components have deviation {mixture.std:.3g} and cells are {width:.3g} wide: what G does within a cell is not "
            "seen, so C(G) and the JSD are too low"
        )


def doubts(final: dict):
    """What the losses do not show: G may fool D and be far from the data."""
    reached = [c for c in (final["c"], final["c_of_average"]) if c is not None]
    above = min(reached) + LOG_4
    if above > FAR:
        yield (
            f"C(G) ends {above:.2f} nats above -log 4: G has not learned the density, whatever the "
            "losses say. Train longer, or raise train.discriminator_steps"
        )
