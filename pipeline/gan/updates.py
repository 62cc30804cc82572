"""One iteration of the game, in the two forms in which it was published.

`alternating` is Algorithm 1 of the paper; `simultaneous` is what its authors' code runs.
"""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from pipeline.gan import losses
from pipeline.gan.player import Player

# Shapes: B batch, Z noise; images are BCHW.


@dataclass(frozen=True, kw_only=True)
class Game:
    """The players and the rules; everything that an update needs and nothing it has to look up."""

    G: Player
    D: Player
    next_real: Callable[[], Tensor]  # the next minibatch of data
    next_z: Callable[[], Tensor]  # a fresh minibatch of noise
    blur: Callable[[Tensor], Tensor]  # instance noise on D's inputs, or the identity
    generator_loss: Callable[[Tensor], Tensor]
    discriminator_loss_scale: float
    # D judges every image by itself: nothing in it, such as BatchNorm, mixes the images of a batch
    image_by_image: bool


def alternating(game: Game, k: int) -> dict[str, Tensor]:
    """Algorithm 1: k ascent steps on D, each on fresh data and noise, then one descent step on G."""
    for _ in range(k):
        seen = discriminator_step(game, game.next_real(), game.next_z())
    return seen | generator_step(game, game.next_z())


def discriminator_step(game: Game, real_BCHW: Tensor, z_BZ: Tensor) -> dict[str, Tensor]:
    """One ascent step of D on V(D, G)."""
    with torch.no_grad():
        fake_BCHW = game.G(z_BZ)
    logit_real_B, logit_fake_B = judge(game, real_BCHW, fake_BCHW)
    loss = game.discriminator_loss_scale * losses.discriminator(logit_real_B, logit_fake_B)
    game.D.step(torch.autograd.grad(loss, game.D.params))
    return {
        "d_loss": loss.detach(),
        "d_real": logit_real_B.detach(),
        "d_fake": logit_fake_B.detach(),
    }


def generator_step(game: Game, z_BZ: Tensor) -> dict[str, Tensor]:
    """One descent step of G; D is only looked through."""
    loss = game.generator_loss(game.D(game.blur(game.G(z_BZ))))
    game.G.step(torch.autograd.grad(loss, game.G.params))
    return {"g_loss": loss.detach()}


def simultaneous(game: Game) -> dict[str, Tensor]:
    """The authors' code: one z and one dropout mask for both players, both gradients before either step."""
    fake_BCHW = game.G(game.next_z())
    seen_BCHW = fake_BCHW.detach().requires_grad_()
    logit_real_B, logit_fake_B = judge(game, game.next_real(), seen_BCHW)
    d_loss = game.discriminator_loss_scale * losses.discriminator(logit_real_B, logit_fake_B)
    g_loss = game.generator_loss(logit_fake_B)
    if game.image_by_image:
        *d_gradients, pull_BCHW = torch.autograd.grad(d_loss, [*game.D.params, seen_BCHW])
        pull_BCHW = pull_BCHW * turned(game, logit_fake_B)[:, None, None, None]
    else:
        d_gradients = list(torch.autograd.grad(d_loss, game.D.params, retain_graph=True))
        (pull_BCHW,) = torch.autograd.grad(g_loss, seen_BCHW)
    g_gradients = torch.autograd.grad(fake_BCHW, game.G.params, pull_BCHW)
    game.D.step(d_gradients)
    game.G.step(g_gradients)
    return {
        "d_loss": d_loss.detach(),
        "g_loss": g_loss.detach(),
        "d_real": logit_real_B.detach(),
        "d_fake": logit_fake_B.detach(),
    }


def judge(game: Game, real_BCHW: Tensor, fake_BCHW: Tensor) -> tuple[Tensor, Tensor]:
    """D's logits of both. Where D mixes the images of a batch, real and fake are batches of their own
    (ganhacks 4); where it does not, one pass over both gives the same and costs less."""
    if game.image_by_image:
        logits = game.D(game.blur(torch.cat([real_BCHW, fake_BCHW])))
        return logits[: len(real_BCHW)], logits[len(real_BCHW) :]
    return game.D(game.blur(real_BCHW)), game.D(game.blur(fake_BCHW))


def turned(game: Game, logit_fake_B: Tensor) -> Tensor:
    """Factor per image that turns the gradient of D's loss into that of G's: dL_G/dl / dL_D/dl.

    An image touches either loss through its logit l alone, so one backward pass through D serves both
    players. Logits are kept within 60, where exp is finite; beyond, D's gradient is 0 in float32.
    """
    logit_B = logit_fake_B.detach().clamp(-60, 60).requires_grad_()
    with torch.enable_grad():
        d_loss = game.discriminator_loss_scale * losses.discriminator(logit_B.detach(), logit_B)
        g_loss = game.generator_loss(logit_B)
    (d_slope_B,) = torch.autograd.grad(d_loss, logit_B)
    (g_slope_B,) = torch.autograd.grad(g_loss, logit_B)
    return g_slope_B / d_slope_B
