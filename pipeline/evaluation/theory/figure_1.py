"""The four panels of Figure 1 of the 2014 paper, of a training on points whose density is known.

(a) A pair near convergence. (b) The inner loop of Algorithm 1 trains D to its optimum D*. (c) The
gradient of D moves G(z) to where D is larger, so C(G) falls. (d) The end.
"""

import copy

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from pipeline.evaluation.theory import quadrature
from pipeline.evaluation.theory.players import Noise, Players, d_at_centres, mass
from pipeline.evaluation.theory.quadrature import LOG_4, Mixture

NEAR_JSD = 0.05  # nats; "p_g is similar to p_data" (the caption): 0.69 is no overlap at all
D_STEPS, D_RATE, D_BATCH = 1_000, 2e-3, 512  # Adam; the rate falls to 0
G_STEPS, G_BATCH = 10, 10_000
# share of C(G) + log 4 that a step of G removes, to first order; five times as much overshoots
G_SHARE = 0.02


def panels(
    moments: list[Players], c_of_each: list[float], noise: Noise, mixture: Mixture, train: Tensor
) -> list[dict]:
    """`c_of_each`: C(G) at the moments; `train`: the training points, [N, A, 1, 1]."""
    early, last = moments[near_convergence(c_of_each)], moments[-1]
    best_D = trained_to_optimum(early.G, early.D, noise, train)
    b = panel(early.G, best_D, noise, mixture, f"(b) D after {D_STEPS:,} steps of its own")
    moved_G = moved(early.G, best_D, noise, b["c"] + LOG_4)
    return [
        panel(early.G, early.D, noise, mixture, f"(a) step {early.step:,}"),
        b,
        panel(moved_G, best_D, noise, mixture, f"(c) G after {G_STEPS} steps along D's gradient"),
        panel(last.G, last.D, noise, mixture, f"(d) step {last.step:,}, the end"),
    ]


def of_critic(
    moments: list[Players], c_of_each: list[float], noise: Noise, mixture: Mixture
) -> list[dict]:
    """Panels (a) and (d) of a game whose D is no probability: D* and the steps towards it are of another game."""
    early, last = moments[near_convergence(c_of_each)], moments[-1]
    data_Q = quadrature.exact_mass(mixture)
    found = []
    for one, title in ((early, f"step {early.step:,}"), (last, f"step {last.step:,}, the end")):
        model_Q = mass(one.G, noise)
        numbers = quadrature.divergence(data_Q, model_Q)
        d_Q = d_at_centres(one.D, mixture, critic=True)
        found.append(drawn(title, numbers, data_Q, model_Q, d_Q, one.G, noise, mixture))
    return found


def near_convergence(c_of_each: list[float]) -> int:
    """Index of the moment at which G is first about NEAR_JSD from the data, on its way there.

    Later moments at that distance belong to oscillations. If G never comes so close, the nearest moment
    before the end.
    """
    jsd = [(c + LOG_4) / 2 for c in c_of_each]
    close = [index for index, value in enumerate(jsd) if value <= NEAR_JSD]
    on_the_way = jsd[: close[0] + 1] if close else jsd[:-1] or jsd
    return quadrature.nearest_to(on_the_way, NEAR_JSD)


def trained_to_optimum(G: nn.Module, D: nn.Module, noise: Noise, train: Tensor) -> nn.Module:
    """A copy of D after D_STEPS ascent steps on V(D, G) (eq. 1), with G fixed."""
    D, stream = copy.deepcopy(D), noise.stream("inner loop")
    optimizer = torch.optim.Adam(D.parameters(), lr=D_RATE)
    rate = torch.optim.lr_scheduler.LinearLR(optimizer, 1.0, 0.0, D_STEPS)
    for _ in range(D_STEPS):
        rows = torch.randint(len(train), (D_BATCH,), generator=stream)
        with torch.no_grad():
            fake = G(*noise.draw(D_BATCH, stream))
        loss = -quadrature.value(D(train[rows]), D(fake))
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        rate.step()
    return D


def moved(G: nn.Module, D: nn.Module, noise: Noise, above: float) -> nn.Module:
    """A copy of G after G_STEPS gradient steps down E[log(1 - D(G(z)))] (eq. 1), with D fixed.

    `above`: C(G) + log 4. Where D is at its optimum, this gradient is that of C(G) itself (the proof of
    theorem 1), whose minimum -log 4 is known. So each step is a share G_SHARE of Polyak's step,
    (C(G) - minimum) / |gradient|^2, and needs no line search.
    """
    G, stream = copy.deepcopy(G), noise.stream("outer loop")
    weights = [w for w in G.parameters() if w.requires_grad]
    for _ in range(G_STEPS):
        loss = F.logsigmoid(-D(G(*noise.draw(G_BATCH, stream)))).mean()
        gradients = torch.autograd.grad(loss, weights)
        squared = sum(g.square().sum() for g in gradients)
        with torch.no_grad():
            for w, g in zip(weights, gradients, strict=True):
                w.sub_(G_SHARE * above / squared * g)
    return G


def panel(G: nn.Module, D: nn.Module, noise: Noise, mixture: Mixture, title: str) -> dict:
    """Numbers of one panel; densities are masses of the cells inside the box."""
    data_Q, model_Q = quadrature.exact_mass(mixture), mass(G, noise)
    d_Q = d_at_centres(D, mixture)
    numbers = quadrature.against_the_optimum(data_Q, model_Q, d_Q)
    return drawn(title, numbers, data_Q, model_Q, d_Q, G, noise, mixture)


def drawn(
    title: str,
    numbers: dict[str, float],
    data_Q: Tensor,
    model_Q: Tensor,
    d_Q: Tensor,
    G: nn.Module,
    noise: Noise,
    mixture: Mixture,
) -> dict:
    """A panel's numbers beside what is drawn of it."""
    return {
        "title": title,
        **numbers,
        "p_data": figures(data_Q[:-1]),
        "p_g": figures(model_Q[:-1]),
        "d": figures(d_Q),
        "arrows": arrows(G, noise) if mixture.axes == 1 else None,
    }


@torch.no_grad()
def arrows(G: nn.Module, noise: Noise) -> dict:
    """x = G(z) at points of a line through the noise, from its left end to its right."""
    x_N = G(noise.line_NZ).flatten()
    return {"line": noise.line_name, "x": figures(x_N)}


def figures(values: Tensor) -> list[float]:
    """Four significant digits: enough for a picture."""
    return [float(f"{value:.4g}") for value in values.tolist()]
