"""likelihood L: log p(x) of test images under a run's G with Gaussian noise on its pixels (Wu et al. 2017)."""

import math
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from pipeline.compute import devices
from pipeline.compute.streams import generator, normal
from pipeline.config.likelihood import Likelihood
from pipeline.evaluation.decoders import ais
from pipeline.evaluation.decoders.latent import FROM_NORMAL
from pipeline.evaluation.decoders.schedule import Annealing
from pipeline.evaluation.real_data import some, to_unit
from pipeline.evaluation.theory import variational
from pipeline.io.files import write_json
from pipeline.io.notes import Note, Notes
from pipeline.io.tensors import read_about, read_tensors
from pipeline.models.common import levels
from pipeline.models.common.likelihood import bits_per_pixel
from pipeline.models.common.saved import put_together
from pipeline.models.gan.game.hybrids import Posterior
from pipeline.models.gan.saved import Saved

# Shapes: M images, D pixels, Z latent; images are MCHW.

CHAINS_AT_ONCE = 1_024
DRAWS = 100  # of q(z|x) for each image, where there is an encoder
SECONDS = 10.0  # between two lines that say how far it is
WIDE = 5.0  # nats between the bounds, beyond which the lower one says little


@dataclass(frozen=True, kw_only=True)
class Paths:
    """Files to read and, the last two, to write."""

    model: Path
    data: Path  # data/normalized/D.safetensors
    result: Path
    scores: Path


def run(name: str, settings: Likelihood, paths: Paths) -> None:
    """Write the estimate of entry `name` and its main numbers."""
    devices.reproducible(settings.threads)
    device = devices.choose(settings.device, where=f"likelihoods.{name}", doubles=True)
    saved = put_together(
        Saved, read_about(paths.model), read_tensors(paths.model), str(paths.model)
    )
    average = "ema" if saved.has_average else "raw"
    model = Model(saved, settings.weights or average, device)
    data = read_tensors(paths.data, ["valid_images", "test_images"])
    images = {
        key: some(data[f"{key}_images"], count)
        for key, count in (
            ("valid", settings.sigma_search.images),
            ("test", settings.images),
        )
    }
    result = evaluate(name, settings, model, images)
    for warning in result["warnings"]:
        print(f"likelihood {name}: warning: {warning}", file=sys.stderr)
    write_json(paths.result, {"run": settings.run, "dataset": settings.dataset, **result})
    write_json(paths.scores, scores(settings, result))


class Model:
    """A trained G as a function of standard normal numbers u, and the encoder of a hybrid."""

    def __init__(self, saved: Saved, weights: str, device: torch.device):
        self.saved = saved
        self.device = device
        self.G = saved.generator(weights).to(device).requires_grad_(False)
        self.prior = saved.train.noise.prior
        self.latent = saved.train.noise.dim

    def decode(self, u_MZ: Tensor) -> Tensor:
        """[M, D] in [0, 1], the mean of p(x|u)."""
        return to_unit(self.G(FROM_NORMAL[self.prior](u_MZ)))

    def posterior(self, x_MD: Tensor) -> Posterior:
        """q(z|x) of images in [0, 1], of a hybrid."""
        x_MCHW = (x_MD * 2 - 1).unflatten(1, self.saved.image_shape)
        return Posterior(*(each.to(self.device) for each in self.saved.posterior(x_MCHW.cpu())))


class Progress:
    """Says how far the chains are, and how long the others take."""

    def __init__(self, name: str, moves: int):
        self.name, self.moves = name, moves  # of single chains
        self.done = 0
        self.begun = self.said = time.monotonic()
        self.notes = Notes()

    def advance(self, chains: int) -> None:
        """`chains` have moved once."""
        self.done += chains
        now = time.monotonic()
        left = (now - self.begun) * (self.moves - self.done) / self.done
        if self.notes.due():
            self.notes.write(Note(self.done, self.moves, left))
        if now - self.said > SECONDS:
            self.said = now
            share = self.done / self.moves
            print(f"likelihood {self.name}: {share:.0%}, about {left:.0f} s left", file=sys.stderr)


def evaluate(name: str, settings: Likelihood, model: Model, images: dict[str, Tensor]) -> dict:
    """The numbers of the estimate; `images`: valid and test, [M, C, H, W] in [-1, 1]."""
    how, short = annealing(settings), annealing(settings, settings.sigma_search.temperatures)
    sigmas = [] if settings.sigma else settings.sigma_search.sigmas()
    x_MD = grey(images["test"], settings.seed, "test").to(model.device)
    progress = Progress(
        name,
        len(sigmas) * len(images["valid"]) * short.moves_of_lower
        + len(x_MD) * how.moves_of_lower
        + settings.simulated_images * how.moves_of_sandwich,
    )
    search = []
    if sigmas:
        valid_MD = grey(images["valid"], settings.seed, "validation").to(model.device)
        search = searched(model, valid_MD, sigmas, short, settings.seed, progress)
    sigma = settings.sigma or max(search, key=lambda point: point["log_likelihood"])["sigma"]
    sigma_M = torch.full((len(x_MD),), sigma, device=model.device)
    found = lower(model, x_MD, sigma_M, how, settings.seed, "AIS", progress)
    below, above = sandwich(model, settings.simulated_images, sigma, how, settings.seed, progress)
    gap = line(above.log_p_M - below.log_p_M)
    per_pixel = bits_per_pixel(found.log_p_M.mean().item(), x_MD.shape[1], "dequantised")
    result = {
        "kind": "AIS",
        "data": "dequantised",
        "prior": model.prior,
        "latent": model.latent,
        "images": len(x_MD),
        "chains": how.chains,
        "temperatures": how.temperatures,
        "leapfrog_steps": how.leapfrog_steps,
        "sigma": round(sigma, 6),
        "sigma_search": search,
        "log_likelihood": line(found.log_p_M),
        "bits_per_pixel": round(per_pixel, 4),
        "effective_chains": spread(found.effective_chains_M),
        "resamplings": spread(found.resamplings_M),
        "acceptance": spread(found.acceptance_M),
        "simulated": {
            "images": settings.simulated_images,
            "lower": line(below.log_p_M),
            "upper": line(above.log_p_M),
            "gap": gap,
            "effective_chains": spread(below.effective_chains_M),
        },
        **by_encoder(model, x_MD, sigma, settings.seed),
        "log_p": [round(value, 3) for value in found.log_p_M.tolist()],
    }
    return result | {"warnings": list(doubts(result, settings, sigmas))}


def annealing(settings: Likelihood, temperatures: int | None = None) -> Annealing:
    """`temperatures`: others than those of the settings."""
    return Annealing(
        chains=settings.chains,
        temperatures=temperatures or settings.temperatures,
        leapfrog_steps=settings.hmc.leapfrog_steps,
        acceptance=settings.hmc.acceptance,
    )


def grey(images_MCHW: Tensor, seed: int, name: str) -> Tensor:
    """[M, D] in [0, 1): each pixel somewhere in the interval of its grey level."""
    return levels.drawn(images_MCHW, generator(seed, f"dequantisation of {name} images"))


def lower(
    model: Model,
    x_MD: Tensor,
    sigma_M: Tensor,
    how: Annealing,
    seed: int,
    purpose: str,
    progress: Progress,
) -> ais.Bound:
    """The lower bound, for as many images at a time as CHAINS_AT_ONCE allows."""
    stream = generator(seed, purpose, model.device)
    parts = [
        ais.lower(model.decode, x, sigma, model.latent, how, stream, progress.advance)
        for x, sigma in zip(batches(x_MD, how), batches(sigma_M, how), strict=True)
    ]
    return joined(parts)


def sandwich(
    model: Model, count: int, sigma: float, how: Annealing, seed: int, progress: Progress
) -> tuple[ais.Bound, ais.Bound]:
    """Both bounds of log p of `count` images that are drawn from the model, noise included."""
    stream = generator(seed, "AIS of simulated images", model.device)
    u_MZ = normal((count, model.latent), stream)
    with torch.no_grad():
        mean_MD = torch.cat([model.decode(u) for u in batches(u_MZ, how)])
    x_MD = mean_MD + sigma * normal(mean_MD.shape, stream)
    sigma_M = torch.full((count,), sigma, device=model.device)
    parts = [
        ais.sandwich(model.decode, u, x, of_x, how, stream, progress.advance)
        for u, x, of_x in zip(
            batches(u_MZ, how), batches(x_MD, how), batches(sigma_M, how), strict=True
        )
    ]
    return joined([part.lower for part in parts]), joined([part.upper for part in parts])


def batches(rows: Tensor, how: Annealing) -> tuple[Tensor, ...]:
    return rows.split(max(1, CHAINS_AT_ONCE // how.chains))


def joined(parts: list[ais.Bound]) -> ais.Bound:
    """One of all images, on the CPU."""
    return ais.Bound(*(torch.cat(column).cpu() for column in zip(*parts, strict=True)))


def searched(
    model: Model,
    valid_MD: Tensor,
    sigmas: list[float],
    how: Annealing,
    seed: int,
    progress: Progress,
) -> list[dict[str, float]]:
    """Mean log p of the validation images for each sigma."""
    x_MD = valid_MD.repeat(len(sigmas), 1)
    sigma_M = torch.tensor(sigmas, device=model.device).repeat_interleave(len(valid_MD))
    found = lower(model, x_MD, sigma_M, how, seed, "AIS of validation images", progress)
    means = found.log_p_M.unflatten(0, (len(sigmas), -1)).mean(dim=1).tolist()
    return [
        {"sigma": round(sigma, 6), "log_likelihood": round(mean, 4)}
        for sigma, mean in zip(sigmas, means, strict=True)
    ]


def by_encoder(model: Model, x_MD: Tensor, sigma: float, seed: int) -> dict:
    """`elbo` and `iwae`, lower bounds from q(z|x) on the same images at the same sigma; null without an encoder."""
    if model.saved.train.autoencoder is None:
        return {"elbo": None, "iwae": None, "draws": None}
    stream = generator(seed, "draws of q", model.device)
    found = variational.bounds(
        lambda z_NZ: to_unit(model.G(z_NZ)), sigma, x_MD, model.posterior(x_MD), DRAWS, stream
    )
    return {
        "elbo": line(found.elbo.cpu()),
        "iwae": line(found.importance_weighted.cpu()),
        "draws": DRAWS,
    }


def line(values_M: Tensor) -> dict[str, float]:
    """Mean over images and its standard error, in nats."""
    error = values_M.std(correction=0) / math.sqrt(len(values_M))
    return {"mean": round(values_M.mean().item(), 4), "standard_error": round(error.item(), 4)}


def spread(values_M: Tensor) -> dict[str, float]:
    """Mean over images, and the least."""
    return {"mean": round(values_M.mean().item(), 3), "least": round(values_M.min().item(), 3)}


def doubts(result: dict, settings: Likelihood, sigmas: list[float]) -> Iterator[str]:
    """Reasons not to take the number at face value."""
    gap, chains = result["simulated"]["gap"]["mean"], result["effective_chains"]["mean"]
    more = "raise temperatures, chains or hmc.leapfrog_steps"
    if gap > WIDE:
        yield f"the bounds of simulated images are {gap:.3g} nats apart, so log p may be as much too low; {more}"
    if settings.chains > 1 and chains < 2:
        yield f"of {settings.chains} chains {chains:.2g} count on average: one outweighs the others; {more}"
    if abs(result["acceptance"]["mean"] - settings.hmc.acceptance) > 0.2:
        yield (
            f"{result['acceptance']['mean']:.0%} of the moves are accepted, where hmc.acceptance aims at "
            f"{settings.hmc.acceptance:.0%}; raise temperatures"
        )
    if len(sigmas) > 1 and result["sigma"] in (round(sigmas[0], 6), round(sigmas[-1], 6)):
        yield (
            f"sigma {result['sigma']:.4g} is on the edge of what was searched, {sigmas[0]:.4g} to "
            f"{sigmas[-1]:.4g}; widen or move sigma_search"
        )


def scores(settings: Likelihood, result: dict) -> dict:
    """The numbers that people compare, flat: nats, but for `bits_per_pixel`."""

    def flat(key: str, found: dict[str, float] | None) -> dict[str, float | None]:
        if found is None:
            return {key: None, f"{key}_error": None}
        return {key: found["mean"], f"{key}_error": found["standard_error"]}

    return {
        "run": settings.run,
        "dataset": settings.dataset,
        **flat("log_p", result["log_likelihood"]),
        "log_p_kind": result["kind"],
        "log_p_data": result["data"],
        **flat("log_p_gap", result["simulated"]["gap"]),
        "bits_per_pixel": result["bits_per_pixel"],
        "noise_sigma": result["sigma"],
        **flat("elbo", result["elbo"]),
        **flat("iwae", result["iwae"]),
        "images": result["images"],
        "effective_chains": result["effective_chains"]["mean"],
        "acceptance": result["acceptance"]["mean"],
        "warnings": len(result["warnings"]),
    }
