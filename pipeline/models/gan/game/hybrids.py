"""Hybrids of GAN and autoencoder: an encoder E beside G, which then is the decoder (ganhacks 7).

`vae` (Kingma 2014, eq. 10): E and G descend on KL(q(z|x) || p(z)) - E[log p(x|z)]; D's judgement is only logged.
`vae_gan` (Larsen 2016, algorithm 1): p is Gaussian on D's features of x, not on pixels; G also plays
against D, to which reconstructions are samples like any other. One difference: D makes its step before
the other two, as in Algorithm 1 of the GAN paper.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from pipeline.config.models.gan.autoencoders import Vae, VaeGan
from pipeline.models.common.batches import Real
from pipeline.models.common.player import Player
from pipeline.models.gan.game.terms import Judge, Show
from pipeline.models.gan.game.updates import Game, Minibatch, Term, generator_loss, judge_samples
from pipeline.models.gan.noise import Latent

# Shapes: B batch, Z noise; images are BCHW.


class Posterior(NamedTuple):
    """q(z|x), independent normal distributions."""

    mean: Tensor  # [B, Z]
    log_variance: Tensor  # [B, Z]

    def draw(self, standard_BZ: Tensor) -> Tensor:
        """z, made of standard normal numbers, so that gradients pass (the reparametrisation trick)."""
        return self.mean + (self.log_variance / 2).exp() * standard_BZ

    def kl(self) -> Tensor:
        """KL(q(z|x) || N(0, I)) in nats, mean over images (Kingma 2014, appendix B)."""
        terms_BZ = self.mean.square() + self.log_variance.exp() - 1 - self.log_variance
        return terms_BZ.sum(dim=1).mean() / 2


@dataclass(frozen=True)
class Coder:
    """E of a hybrid, its settings and its source of random numbers."""

    settings: Vae | VaeGan
    E: Player
    standard: Callable[[Tensor], Tensor]  # standard normal numbers in the shape of its argument

    def posterior(self, images_BCHW: Tensor) -> Posterior:
        return Posterior(*self.E(images_BCHW).chunk(2, dim=1))

    def reconstruct(self, G: Player, real: Real) -> tuple[Tensor, Posterior]:
        """G(z) [B, C, H, W] with z drawn from q(z|x) for each real image x, and q(z|x)."""
        posterior = self.posterior(real.images)
        z_BZ = posterior.draw(self.standard(posterior.mean))
        return G(z_BZ, real.labels), posterior


def generator_step(
    coder: Coder, game: Game, step: int, real: Real, latent: Latent
) -> dict[str, Tensor]:
    """One descent step of G and of E, each on its own loss, from the same reconstructions."""
    settings = coder.settings
    rebuilt_BCHW, posterior = coder.reconstruct(game.G, real)
    with torch.set_grad_enabled(isinstance(settings, VaeGan)):
        fake_BCHW = game.G(*latent)
    if isinstance(settings, Vae):
        g_loss = error = gaussian_error(rebuilt_BCHW, real.images, settings.pixel_std)
    else:
        batch = judge_samples(game, step, real, fake_BCHW, latent)
        of_rebuilt = game.judge(game.show(rebuilt_BCHW, step), real.labels)
        error = feature_error(game, real, rebuilt_BCHW)
        g_loss = (
            settings.reconstruction_weight * error
            + generator_loss(game, batch)
            + game.generator_loss(None, of_rebuilt.logit)
        )
    kl = posterior.kl()
    e_loss = coder.E.scaled(settings.kl_weight * kl + error)
    e_gradients = torch.autograd.grad(e_loss, coder.E.params, retain_graph=True)
    g_gradients = torch.autograd.grad(game.G.scaled(g_loss), game.G.params)
    coder.E.step(e_gradients)
    game.G.step(g_gradients)
    seen = {"g_loss": g_loss, "reconstruction": error, "kl": kl, "fake": fake_BCHW}
    return {name: value.detach() for name, value in seen.items()}


def gaussian_error(rebuilt_BCHW: Tensor, images_BCHW: Tensor, std: float) -> Tensor:
    """-log N(x; G(z), std^2) without its constant, mean over images."""
    squares_B = (rebuilt_BCHW - images_BCHW).square().flatten(1).sum(dim=1)
    return squares_B.mean() / (2 * std**2)


def feature_error(game: Game, real: Real, rebuilt_BCHW: Tensor) -> Tensor:
    """Gaussian error of D's features, with deviation 1 (Larsen 2016, eq. 7): 0 for a perfect reconstruction.

    D is in evaluation mode and sees no instance noise, so that its features are a function of the image
    alone: no dropout, running statistics in BatchNorm, no step of spectral norm's power iteration.
    """
    with evaluating(game.D.net):
        with torch.no_grad():
            wanted_BF = game.judge(real.images, real.labels).features.float()
        found_BF = game.judge(rebuilt_BCHW, real.labels).features.float()
    return (found_BF - wanted_BF).square().sum(dim=1).mean() / 2


@contextmanager
def evaluating(net: nn.Module) -> Iterator[None]:
    """Inside, `net` is in evaluation mode."""
    before = net.training
    net.eval()
    try:
        yield
    finally:
        net.train(before)


def reconstructions_are_samples(
    coder: Coder, G: Player, judge: Judge, show: Show, loss_scale: float
) -> Term:
    """-E[log(1 - D(G(z)))] with z from q(z|x), added to D's loss."""

    def term(batch: Minibatch) -> Tensor:
        with torch.no_grad():
            rebuilt_BCHW, _ = coder.reconstruct(G, batch.real)
        of_rebuilt = judge(show(rebuilt_BCHW, batch.step), batch.real.labels)
        return loss_scale * F.softplus(of_rebuilt.logit).mean()

    return term
