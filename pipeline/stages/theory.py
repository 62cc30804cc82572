"""What section 4 of the paper says of a run; a part of `metrics R`, kept in quadrature.json.

Point sets: D against D* and C(G) at every snapshot of the training, and the moments of Figure 1.
Images: a bound by D itself.
"""

import copy
import math
from pathlib import Path

import torch
from torch import Tensor

from pipeline.compute.streams import generator
from pipeline.config.models.gan.train import Train
from pipeline.evaluation.theory import quadrature
from pipeline.evaluation.theory.quadrature import Mixture
from pipeline.io.tensors import read_about, read_tensors
from pipeline.models.gan import noise
from pipeline.models.gan.game import losses
from pipeline.models.gan.nets import Discriminator, Generator

POINTS = 200_000  # drawn from G for its density
POINTS_BLOCK = 4_000  # at a time, so that what is between G's layers stays in the cache
BOUND_IMAGES = 10_000
FAR = 0.08  # nats above -log 4; one of eight modes missing costs 0.09, no overlap 1.39
FIGURE_JSD = 0.05  # nats; Figure 1 begins where the divergence was nearest to this
OPTIMUM_STEPS = 1_000  # of D against a G that stands still: the inner loop of Algorithm 1
GENERATOR_STEPS = 3  # of G against that D
D_RATE, G_RATE, BATCH = 2e-3, 2e-4, 512
ARROWS = 24


def evaluate(
    model: Path,
    extractor: dict,
    density: dict[str, Tensor],
    parts: dict[str, Tensor],
    samples: Tensor,
) -> dict:
    """The content of quadrature.json; `density`: the tensors of the extractor, p_data for a mixture."""
    players = Players(model)
    if extractor["kind"] != "mixture":
        return image_bound(players, parts, samples)
    mixture = Mixture(density["means"], density["std"].item())
    steps = sorted(
        {int(key.split(".")[1]) for key in players.tensors if key.startswith("snapshot.")}
    )
    moments = [moment(players, mixture, step) for step in steps]
    final = moments[-1]
    return {
        "kind": "quadrature",
        "axes": mixture.axes,
        "minus_log_4": -quadrature.LOG_4,
        "floor": floor(mixture),
        "final": final,
        "warnings": list(doubts(final)),
        "over_training": moments,
        "panels": panels(players, mixture, moments, parts["train_images"]),
    }


def doubts(final: dict):
    """What the losses do not show: G may fool D and be far from the data."""
    reached = min(
        final["c"], final["c_of_average"] if final["c_of_average"] is not None else math.inf
    )
    above = reached + quadrature.LOG_4
    if above > FAR:
        yield (
            f"C(G) ends {above:.2f} nats above -log 4: G has not learned the density, whatever the "
            "losses say. Train longer, or raise train.discriminator_steps"
        )


class Players:
    """The nets of a model file, as they were at the end or at a snapshot."""

    def __init__(self, model: Path):
        about = read_about(model)
        self.tensors = read_tensors(model)
        self.train = Train.model_validate(about["train"])
        self.shape = tuple(about["image_shape"])
        self.classes = about["classes"]
        self.seed = about["seed"]

    def G(self, prefix: str = "generator.") -> Generator:
        net = Generator(self.train, self.shape, self.classes, self.stream("layers"))
        net.load_state_dict(self._of(prefix))
        return net.eval()

    def D(self, prefix: str = "discriminator.") -> Discriminator:
        net = Discriminator(self.train, self.shape, self.classes, self.stream("dropout"))
        net.load_state_dict(self._of(prefix))
        return net.eval()

    def stream(self, name: str) -> torch.Generator:
        return generator(self.seed, f"theory {name}")

    def draw(self, count: int, stream: torch.Generator) -> noise.Latent:
        return noise.draw(self.train, count, stream, self.classes)

    def ranged(self, images: Tensor) -> Tensor:
        """From [-1, 1] to the range that the nets work in."""
        return images if self.train.pixels == "symmetric" else (images + 1) / 2

    def symmetric(self, images: Tensor) -> Tensor:
        return images if self.train.pixels == "symmetric" else images * 2 - 1

    def _of(self, prefix: str) -> dict[str, Tensor]:
        return {k.removeprefix(prefix): v for k, v in self.tensors.items() if k.startswith(prefix)}


@torch.no_grad()
def image_bound(players: Players, parts: dict[str, Tensor], samples: Tensor) -> dict:
    D = players.D()
    size = 1_000 if D.image_by_image else players.train.batch_size  # as it was trained
    drawn_labels = torch.arange(len(samples)) % max(1, players.classes)  # as `sample` drew them
    seen = {
        "test": (parts["test_images"], parts["test_labels"]),
        "train": (parts["train_images"], parts["train_labels"]),
        "generated": (samples, drawn_labels),
    }
    logits = {}
    for name, (images, labels) in seen.items():
        shown = players.ranged(images[:BOUND_IMAGES]).split(size)
        of_each = labels[:BOUND_IMAGES].split(size)
        logits[name] = torch.cat([D(*block) for block in zip(shown, of_each, strict=True)])
    return {
        "kind": "bound",
        "minus_log_4": -quadrature.LOG_4,
        "warnings": [],
        **quadrature.bound(logits["test"], logits["generated"]),
        "d_mean": {name: logit.sigmoid().mean().item() for name, logit in logits.items()},
        "d_histogram": {
            name: torch.histc(logit.sigmoid(), 40, 0, 1).div(len(logit)).tolist()
            for name, logit in logits.items()
        },
    }


def moment(players: Players, mixture: Mixture, step: int) -> dict:
    """Numbers of one snapshot: of G as D met it, and C(G) of its moving average where there is one."""
    data_Q = quadrature.exact_mass(mixture)
    prefix = f"snapshot.{step}."
    G, D = players.G(f"{prefix}generator."), players.D(f"{prefix}discriminator.")
    numbers = quadrature.against_the_optimum(
        data_Q, mass(players, G), d_at_centres(players, D, mixture)
    )
    sampled = None
    if any(key.startswith(f"{prefix}generator_ema.") for key in players.tensors):
        average = players.G(f"{prefix}generator_ema.")
        sampled = quadrature.c_of_g(data_Q, mass(players, average))
    return {"step": step, **numbers, "c_of_average": sampled}


@torch.no_grad()
def mass(players: Players, G: Generator) -> Tensor:
    stream = players.stream("density")
    counts = [min(POINTS_BLOCK, POINTS - done) for done in range(0, POINTS, POINTS_BLOCK)]
    blocks = [G(*players.draw(count, stream)) for count in counts]
    return quadrature.counted_mass(players.symmetric(torch.cat(blocks)).flatten(1))


@torch.no_grad()
def d_at_centres(players: Players, D: Discriminator, mixture: Mixture) -> Tensor:
    points = quadrature.centres(mixture.axes).float().reshape(-1, *players.shape)
    return D(players.ranged(points)).sigmoid().double()


def floor(mixture: Mixture) -> float:
    """C(G) of as many points of p_data itself: what counting in cells costs; -log 4 without it."""
    stream = generator(0, "theory floor")
    component = torch.randint(len(mixture.means_KA), (POINTS,), generator=stream)
    drawn = torch.randn((POINTS, mixture.axes), generator=stream)
    points = mixture.means_KA[component] + mixture.std * drawn
    return quadrature.c_of_g(quadrature.exact_mass(mixture), quadrature.counted_mass(points))


def panels(
    players: Players, mixture: Mixture, moments: list[dict], train_NCHW: Tensor
) -> list[dict]:
    """Figure 1: (a) near the end, (b) D trained to its optimum, (c) G after some steps, (d) the end."""
    before = moments[:-1] or moments
    early = before[quadrature.nearest_to([m["jsd"] for m in before], FIGURE_JSD)]["step"]
    G, D = players.G(f"snapshot.{early}.generator."), players.D(f"snapshot.{early}.discriminator.")
    best_D = trained_to_optimum(players, G, D, train_NCHW)
    moved_G = moved(players, G, best_D)
    last = moments[-1]["step"]
    last_G = players.G(f"snapshot.{last}.generator.")
    last_D = players.D(f"snapshot.{last}.discriminator.")
    return [
        panel(players, mixture, G, D, f"(a) step {early:,}"),
        panel(players, mixture, G, best_D, f"(b) D after {OPTIMUM_STEPS:,} steps of its own"),
        panel(players, mixture, moved_G, best_D, f"(c) G after {GENERATOR_STEPS} steps of its own"),
        panel(players, mixture, last_G, last_D, f"(d) step {last:,}, the end"),
    ]


def trained_to_optimum(
    players: Players, G: Generator, D: Discriminator, train_NCHW: Tensor
) -> Discriminator:
    """A copy of D after the inner loop of Algorithm 1, run for long, while G stands still."""
    D, stream = copy.deepcopy(D), players.stream("inner loop")
    optimizer = torch.optim.Adam(D.parameters(), lr=D_RATE)
    real_NCHW = players.ranged(train_NCHW)
    for _ in range(OPTIMUM_STEPS):
        rows = torch.randint(len(real_NCHW), (BATCH,), generator=stream)
        with torch.no_grad():
            fake = G(*players.draw(BATCH, stream))
        loss = losses.discriminator(D(real_NCHW[rows]), D(fake))
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    return D


def moved(players: Players, G: Generator, D: Discriminator) -> Generator:
    """A copy of G after a few steps up the gradient of D, which stands still."""
    G, stream = copy.deepcopy(G), players.stream("outer loop")
    optimizer = torch.optim.Adam(G.parameters(), lr=G_RATE)
    for _ in range(GENERATOR_STEPS):
        loss = losses.GENERATOR["non_saturating"](D(G(*players.draw(BATCH, stream))))
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    return G


def panel(players: Players, mixture: Mixture, G: Generator, D: Discriminator, title: str) -> dict:
    """What one panel shows; densities are masses of the cells, outside left out."""
    data_Q, model_Q = quadrature.exact_mass(mixture), mass(players, G)
    d_Q = d_at_centres(players, D, mixture)
    return {
        "title": title,
        **quadrature.against_the_optimum(data_Q, model_Q, d_Q),
        "p_data": figures(data_Q[:-1]),
        "p_g": figures(model_Q[:-1]),
        "d": figures(d_Q),
        "d_optimum": figures(quadrature.optimum(data_Q, model_Q)[:-1]),
        "arrows": arrows(players, G),
    }


@torch.no_grad()
def arrows(players: Players, G: Generator) -> list[float]:
    """Where even shares of the noise go, in one dimension: quantiles of G(z)."""
    if players.shape[0] != 1:
        return []
    x_N = players.symmetric(G(*players.draw(10_000, players.stream("arrows")))).flatten()
    return figures(x_N.quantile((torch.arange(ARROWS) + 0.5) / ARROWS))


def figures(values: Tensor) -> list[float]:
    """Four significant digits: enough for a picture."""
    return [float(f"{value:.4g}") for value in values.tolist()]
