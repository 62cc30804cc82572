"""What is measured and drawn of a GAN beside its samples: section 4 of the paper, its Figures 1 and 3."""

import math
from collections.abc import Callable

import numpy as np
import torch
from matplotlib.figure import Figure
from torch import Tensor

from pipeline.compute.streams import generator
from pipeline.config.models.gan.autoencoders import Vae
from pipeline.config.models.gan.losses import is_critic
from pipeline.config.sample import Sample
from pipeline.evaluation.families.likelihood import line
from pipeline.evaluation.plots import charts, images, points
from pipeline.evaluation.plots import theory as theory_plots
from pipeline.evaluation.theory import images as theory_of_images
from pipeline.evaluation.theory import points as theory_of_points
from pipeline.evaluation.theory import variational
from pipeline.evaluation.theory.players import Noise, Players
from pipeline.evaluation.theory.quadrature import Mixture
from pipeline.models.common import levels
from pipeline.models.common.likelihood import bits_per_pixel
from pipeline.models.gan import interpolation as interpolations
from pipeline.models.gan import rejection
from pipeline.models.gan.game.equilibrium import equilibrium
from pipeline.models.gan.sampling import SymmetricDiscriminator, SymmetricGenerator
from pipeline.models.gan.saved import Saved

BOUND_IMAGES = 1_000  # whose likelihood a VAE bounds
IMPORTANCE_SAMPLES = 50  # k of Burda et al. 2016, Table 1
ARROWS = 24  # of Figure 1, from z to G(z)
STRIPS, STEPS = 4, 10  # of Figure 3
PATH_STEPS = 200  # of Figure 3 for points


def theory(
    saved: Saved,
    sample: Sample,
    data: dict[str, Tensor],
    samples: Tensor,
    mixture: Mixture | None,
) -> dict:
    """The content of theory.json: C(G) and D* where the density is known, else the bound that D gives, and of a VAE
    bounds of the likelihood."""
    if mixture is not None:
        points = data["train_images"]
        found = of_points(saved, mixture, points, sample.weights == "ema", sample.accepted)
    else:
        found = of_images(saved, data, samples)
        if isinstance(saved.train.autoencoder, Vae):
            test = data["test_images"], data["test_labels"]
            found |= variational_bounds(saved, saved.train.autoencoder, sample, *test)
    if sample.accepted is not None:
        found |= {
            "accepted": sample.accepted,
            "passes_per_image": round(1 / sample.accepted, 2),
        }
    return found


def of_points(
    saved: Saved, mixture: Mixture, train: Tensor, averaged: bool, accepted: float | None = None
) -> dict:
    """The content of theory.json where the density of the data is known. `accepted`: the share of samples that D lets
    through."""
    noise = saved.train.noise
    line_NZ, line_name = interpolations.across(
        noise, ARROWS, generator(saved.seed, "theory arrows")
    )
    moments = [
        Players(
            step,
            saved.generator("raw", step),
            saved.discriminator(step),
            saved.generator("ema", step) if saved.has_average else None,
        )
        for step in saved.snapshots()
    ]
    draw = saved.generator("raw").latent
    return theory_of_points.evaluate(
        moments,
        Noise(draw, saved.seed, line_NZ, line_name),
        mixture,
        train,
        averaged,
        is_critic(saved.train.loss),
        None if accepted is None else keeping(saved.rejecting(), accepted),
    )


def keeping(D: SymmetricDiscriminator, accepted: float) -> Callable[[Tensor], Tensor]:
    """How probable it is that D lets each of these samples through, the share `accepted` of them in the mean, [N]."""

    def keep(samples_NCHW: Tensor) -> Tensor:
        logit_N = D(samples_NCHW)
        return rejection.probability(logit_N, rejection.limit(logit_N, accepted))

    return keep


def of_images(saved: Saved, data: dict[str, Tensor], samples: Tensor) -> dict:
    """The content of theory.json for images, whose density is unknown: a bound given by D."""
    D = saved.discriminator()
    drawn_labels = torch.arange(len(samples)) % max(1, saved.classes)  # as `sample` drew them
    seen = {
        "test": (data["test_images"], data["test_labels"]),
        "train": (data["train_images"], data["train_labels"]),
        "generated": (samples, drawn_labels),
    }
    as_trained = 1_000 if D.net.image_by_image else saved.train.batch_size
    told = saved.train.conditional is not None and saved.train.conditional.discriminator
    logits = theory_of_images.outputs(D, seen, as_trained)
    of = "pairs of image and label" if told else "images"
    if saved.train.discriminator.minibatch_discrimination:
        # an image's output depends on the others: a bound on the divergence of whole minibatches, which is larger
        of = f"minibatches of {as_trained} {of}"
    if is_critic(saved.train.loss):
        return theory_of_images.critic(logits, of, saved.train.loss)
    return theory_of_images.evaluate(logits, of)


@torch.no_grad()
def variational_bounds(
    saved: Saved, vae: Vae, sample: Sample, test: Tensor, labels_N: Tensor
) -> dict:
    """What a VAE's encoder says of log p(x) of dequantised test images, a density on [0, 1]^D, in nats.

    test: the importance-weighted bound, in the place of a log-likelihood; elbo: that of the same draws. Of a G that is
    told one of K classes, equally likely ones, p(x) is at least p(x|y) / K with the image's own y of `labels_N`.
    """
    G, stream = saved.generator(sample.weights), generator(0, "bounds of test images")
    images = test[:BOUND_IMAGES]
    x_BD = levels.drawn(images, stream)
    # the nets' range is [-1, 1] or [0, 1]
    std = vae.pixel_std / 2 if saved.train.pixels == "symmetric" else vae.pixel_std
    draws = sample.importance_samples or IMPORTANCE_SAMPLES

    def of(rows: Tensor | slice, label: int | None) -> variational.Bounds:
        def decode(z_NZ: Tensor) -> Tensor:
            labels = None if label is None else torch.full((len(z_NZ),), label)
            return (G(z_NZ, labels).flatten(1) + 1) / 2

        posterior = saved.posterior(images[rows])
        return variational.bounds(decode, std, x_BD[rows], posterior, draws, stream)

    if classes := saved.classes_asked_for:
        told_B = labels_N[:BOUND_IMAGES]
        each = [of(told_B == label, label) for label in told_B.unique().tolist()]
        found = variational.Bounds(*map(torch.cat, zip(*each, strict=True)))
    else:
        found = of(slice(None), None)
    equally_likely = math.log(classes or 1)
    bound = line(found.importance_weighted - equally_likely)
    return {
        "likelihood": {
            "kind": "bound",
            "data": "dequantised",
            "how": f"{draws} draws of q(z|x) for each image; pixels have deviation {std:g}",
        },
        "test": bound,
        "elbo": line(found.elbo - equally_likely),
        "effective_samples": round(found.effective_samples.mean().item(), 2),
        "bits_per_pixel": round(bits_per_pixel(bound["mean"], x_BD.shape[1], "dequantised"), 4),
        "passes_per_image": 1,
    }


def curves(saved: Saved, rows: dict[str, np.ndarray], verdict: dict, steps: str) -> Figure:
    """Losses, D's means and gradient norms, with D's outputs at equilibrium."""
    goal = equilibrium(saved.train)
    critic = is_critic(saved.train.loss)
    return charts.training(
        rows, verdict["verdict"], verdict["reason"], goal.d, goal.d_loss, critic, steps
    )


def theory_figure(content: dict, steps: str) -> Figure:
    """Figure 1 for points; for images histograms of D, a probability or a critic. `steps` starts the title."""
    if content["kind"] == "quadrature":
        final = content["final"]
        of_d = f", |D − 1/2| {final['d_to_half']:.3f}" if "d_to_half" in final else ""
        return theory_plots.figure_1(
            content,
            f"{steps}: C(G) {final['c']:.4f} (−log 4 is {content['minus_log_4']:.4f}), "
            f"JSD {final['jsd']:.4f} nats{of_d} at the end",
        )
    if content["kind"] == "critic":
        return theory_plots.critic(
            content,
            f"{steps}: on average D(x), a critic's value ({content['loss']}),\nis "
            f"{content['difference']:.3g} higher for test images than for samples",
        )
    return theory_plots.bound(
        content,
        f"{steps}: V(D, G) {content['value']:.3f} on test images (−log 4 is "
        f"{content['minus_log_4']:.3f}),\nso the JSD of {content['of']} is at least "
        f"{content['jsd_at_least']:.3f} nats",
    )


def interpolation(saved: Saved, weights: str, path: str, test: Tensor, steps: str) -> Figure:
    """Figure 3: G between pairs of noise; over all of it where points have a noise of one dimension."""
    G = saved.generator(weights)
    noise = saved.train.noise
    of_points = saved.image_shape[-2:] == (1, 1)
    if of_points and noise.dim == 1 and saved.image_shape[0] == 1 and noise.prior != "sphere":
        shares, x = over_the_noise(G)
        return points.axis_of_noise(
            shares, x, test.flatten(1).numpy(), f"{steps}: G over all of its noise"
        )
    kind = interpolations.path_of(noise.prior, path)
    drawn = figure_3(G, kind, PATH_STEPS if of_points else STEPS)
    names = [f"{chr(ord('a') + row)}" for row in range(STRIPS)]
    title = f"{steps}: G along {kind.replace('_', ' ')}s between random points of the noise"
    if of_points:
        return points.paths(drawn.flatten(2).numpy(), test.flatten(1).numpy(), names, title)
    return images.strips(drawn.numpy(), names, title)


@torch.no_grad()
def over_the_noise(G: SymmetricGenerator) -> tuple[np.ndarray, np.ndarray]:
    """PATH_STEPS shares of a prior of one dimension, rising, and G of the z below which each lies."""
    z, _ = interpolations.across(G.train_settings.noise, PATH_STEPS, generator(0, "figure 3"))
    shares = (np.arange(PATH_STEPS) + 0.5) / PATH_STEPS
    return shares, G(z).flatten().numpy()


@torch.no_grad()
def figure_3(G: SymmetricGenerator, kind: str, count: int) -> Tensor:
    """[STRIPS, count, C, H, W] in [-1, 1]: G at `count` points of each path, from one random z to another;
    a conditional G draws one class along each."""
    ends = G.latent(2 * STRIPS, generator(0, "figure 3"))
    along = torch.linspace(0, 1, count)
    strips = []
    for strip, (a, b) in enumerate(ends.z.split(2)):
        labels = None if ends.labels is None else torch.full((count,), strip % G.classes)
        strips.append(G(interpolations.PATHS[kind](a, b, along), labels))
    return torch.stack(strips)
