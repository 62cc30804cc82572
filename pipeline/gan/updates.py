"""One iteration of the game, in the two forms in which it was published.

`alternating` is Algorithm 1 of the paper; `simultaneous` is what its authors' code runs.
"""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from pipeline.gan import losses
from pipeline.gan.nets import Discriminator, Generator

# Shapes: B batch, Z noise; images are BCHW.


@dataclass(frozen=True, kw_only=True)
class Game:
    """The players and the rules; everything that an update needs and nothing it has to look up."""

    G: Generator
    D: Discriminator
    opt_G: torch.optim.Optimizer
    opt_D: torch.optim.Optimizer
    next_real: Callable[[], Tensor]  # the next minibatch of data
    next_z: Callable[[], Tensor]  # a fresh minibatch of noise
    blur: Callable[[Tensor], Tensor]  # instance noise on D's inputs, or the identity
    generator_loss: Callable[[Tensor], Tensor]
    discriminator_loss_scale: float


def alternating(game: Game, k: int) -> dict[str, Tensor]:
    """Algorithm 1: k ascent steps on D, each on fresh data and noise, then one descent step on G."""
    for _ in range(k):
        seen = discriminator_step(game, game.next_real(), game.next_z())
    return seen | generator_step(game, game.next_z())


def discriminator_step(game: Game, real_BCHW: Tensor, z_BZ: Tensor) -> dict[str, Tensor]:
    """One ascent step of D on V(D, G). Real and fake go through D as batches of their own."""
    with torch.no_grad():
        fake_BCHW = game.G(z_BZ)
    logit_real_B = game.D(game.blur(real_BCHW))
    logit_fake_B = game.D(game.blur(fake_BCHW))
    loss = game.discriminator_loss_scale * losses.discriminator(logit_real_B, logit_fake_B)
    step(game.opt_D, gradients(loss, game.D))
    return {
        "d_loss": loss.detach(),
        "d_real": logit_real_B.detach(),
        "d_fake": logit_fake_B.detach(),
    }


def generator_step(game: Game, z_BZ: Tensor) -> dict[str, Tensor]:
    """One descent step of G; D is only looked through."""
    loss = game.generator_loss(game.D(game.blur(game.G(z_BZ))))
    step(game.opt_G, gradients(loss, game.G))
    return {"g_loss": loss.detach()}


def simultaneous(game: Game) -> dict[str, Tensor]:
    """The authors' code: one z and one dropout mask for both players, both gradients before either step."""
    fake_BCHW = game.G(game.next_z())
    logit_real_B = game.D(game.blur(game.next_real()))
    logit_fake_B = game.D(game.blur(fake_BCHW))
    d_loss = game.discriminator_loss_scale * losses.discriminator(logit_real_B, logit_fake_B)
    g_loss = game.generator_loss(logit_fake_B)
    d_gradients = gradients(d_loss, game.D, keep_graph=True)
    g_gradients = gradients(g_loss, game.G)
    step(game.opt_D, d_gradients)
    step(game.opt_G, g_gradients)
    return {
        "d_loss": d_loss.detach(),
        "g_loss": g_loss.detach(),
        "d_real": logit_real_B.detach(),
        "d_fake": logit_fake_B.detach(),
    }


def gradients(loss: Tensor, player: torch.nn.Module, keep_graph: bool = False) -> list[tuple]:
    """(parameter, d loss / d parameter) of one player; the other player's are not even computed."""
    params = list(player.parameters())
    return list(
        zip(params, torch.autograd.grad(loss, params, retain_graph=keep_graph), strict=True)
    )


def step(optimizer: torch.optim.Optimizer, player_gradients: list[tuple]) -> None:
    for parameter, gradient in player_gradients:
        parameter.grad = gradient
    optimizer.step()


def gradient_norm(player: torch.nn.Module) -> Tensor:
    """L2 norm of the player's last gradient, over all its parameters."""
    norms = torch._foreach_norm([p.grad for p in player.parameters() if p.grad is not None])
    return torch.stack(list(norms)).norm()
