"""One iteration of the game, in the two forms in which it was published.

`alternating` is Algorithm 1 of the paper; `simultaneous` is what its authors' code runs.
"""

import contextlib
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Protocol

import torch
from torch import Tensor

from pipeline.models.common.batches import Real
from pipeline.models.common.player import Player
from pipeline.models.gan.nets import DiscriminatorOutput
from pipeline.models.gan.noise import Latent

# Shapes: B batch, Z noise; images are BCHW.


@dataclass(frozen=True)
class Minibatch:
    """A minibatch of data, one of samples and D's outputs for both: all that a loss may need."""

    step: int  # iterations before this one
    real: Real
    latent: Latent  # what the samples were made of
    fake: Tensor  # the samples, [B, C, H, W]
    of_real: DiscriminatorOutput | None  # None where D was shown samples alone
    of_fake: DiscriminatorOutput


Term = Callable[[Minibatch], Tensor]  # a number to be added to a player's loss


class Stateful(Protocol):
    """Something in the rules that changes from step to step."""

    def state_dict(self) -> dict: ...

    def load_state_dict(self, state: dict) -> None: ...


@dataclass(frozen=True, kw_only=True)
class Game:
    """The players and the rules: all that an update needs."""

    G: Player
    D: Player
    next_real: Callable[[], Real]  # the next minibatch of data
    next_latent: Callable[[int], Latent]  # fresh noise for so many images
    judge: Callable[[Tensor, Tensor | None], DiscriminatorOutput]  # D, with more than the logits
    show: Callable[[Tensor, int], Tensor]  # images as D sees them in a step: augmented, noisy
    # of D's outputs for real and fake images; G's is given None for real ones where D was shown samples alone
    discriminator_loss: Callable[[Tensor, Tensor], Tensor]
    generator_loss: Callable[[Tensor | None, Tensor], Tensor]
    compares: bool = False  # G's loss needs both outputs
    # the outputs that G's loss is of
    g_learns_from: Callable[[Minibatch], Minibatch] = lambda batch: batch
    discriminator_terms: tuple[Term, ...] = ()  # what the tips add to the two losses
    generator_terms: tuple[Term, ...] = ()
    # what D is shown for samples: the fresh ones, or older ones among them
    replay: Callable[[Tensor, Latent], tuple[Tensor, Latent]] = lambda fake, latent: (fake, latent)
    # inside, the player is the opponent of the other: itself, or for some steps an older one
    as_opponent: Callable[[Player, int], contextlib.AbstractContextManager[None]] = (
        lambda player, step: contextlib.nullcontext()
    )
    discriminator_learns: Callable[[Tensor], bool] = lambda loss: True  # at this loss
    generator_learns: Callable[[Tensor], bool] = lambda loss: True
    # D judges every image by itself: nothing in it, such as BatchNorm, mixes the images of a batch
    image_by_image: bool
    joint: bool = False  # real and fake share a batch even where D mixes its images
    # simultaneous only: G's gradient for an image is D's times a ratio of two slopes (`slope_ratio`)
    one_backward_pass: bool
    fresh_noise: bool = True  # alternating only: else G learns from the samples that D saw last
    # D, after each iteration of k updates
    watch: Callable[[Tensor, int], None] = lambda logit_real_B, k: None
    memory: dict[str, Stateful] = field(default_factory=dict)  # state that checkpoints hold
    # replaces `generator_step` below where G does not learn from D alone
    generator_step: Callable[["Game", int, Real, Latent], dict[str, Tensor]] | None = None


def alternating(game: Game, step: int, k: int, g_steps: int = 1) -> dict[str, Tensor]:
    """Algorithm 1: k ascent steps on D, each on fresh data and noise, then `g_steps` descent steps on G, one in the paper.

    `step`: how many iterations there were before, for what changes with time. G's noise is fresh, too, unless
    the game says otherwise: then G learns from the last samples of D, as in DCGAN's code, in its first step.
    """
    for index in range(k):
        real, fake_BCHW = game.next_real(), None
        latent = game.next_latent(len(real.images))
        if index == k - 1 and not game.fresh_noise:
            fake_BCHW = game.G(*latent)
        seen = discriminator_step(game, step, real, latent, fake_BCHW)
    if game.fresh_noise:
        latent = game.next_latent(len(real.images))
    if game.generator_step is not None:
        seen |= game.generator_step(game, step, real, latent)
    else:
        seen |= generator_step(game, step, real, latent, fake_BCHW)
    return seen | further_generator_steps(game, step, real, g_steps - 1)


def further_generator_steps(game: Game, step: int, real: Real, count: int) -> dict[str, Tensor]:
    """`count` more descent steps of G on fresh noise, while D stays as it is; a report of the last one.

    `real`: the data of the iteration, which all of them share.
    """
    descend = game.generator_step or generator_step
    seen: dict[str, Tensor] = {}
    for _ in range(count):
        seen = descend(game, step, real, game.next_latent(len(real.images)))
    return seen


def discriminator_step(
    game: Game, step: int, real: Real, latent: Latent, fake_BCHW: Tensor | None = None
) -> dict[str, Tensor]:
    """One ascent step of D on V(D, G). `fake_BCHW`: G's samples of `latent`, if they are there already."""
    if fake_BCHW is None:
        with game.as_opponent(game.G, step), torch.no_grad():
            fake_BCHW = game.G(*latent)
    fake_BCHW, latent = game.replay(fake_BCHW.detach(), latent)
    batch = judge_both(game, step, real, fake_BCHW, latent)
    loss = discriminator_loss(game, batch)
    learns = game.discriminator_learns(loss)
    game.D.step(torch.autograd.grad(game.D.scaled(loss), game.D.params) if learns else None)
    return report(batch) | {"d_loss": loss.detach()}


def generator_step(
    game: Game, step: int, real: Real, latent: Latent, fake_BCHW: Tensor | None = None
) -> dict[str, Tensor]:
    """One descent step of G through D, which does not learn.

    `real` is for terms that compare with data, and shares the samples' batch where batches are joint.
    `fake_BCHW`: G's samples of `latent`, with their graph, if they are there already.
    """
    with game.as_opponent(game.D, step):
        if fake_BCHW is None:
            fake_BCHW = game.G(*latent)
        loss = generator_loss(game, judge_samples(game, step, real, fake_BCHW, latent))
        gradients = torch.autograd.grad(game.G.scaled(loss), game.G.params)
    game.G.step(gradients if game.generator_learns(loss) else None)
    return {"g_loss": loss.detach(), "fake": fake_BCHW.detach()}


def simultaneous(game: Game, step: int, g_steps: int = 1) -> dict[str, Tensor]:
    """The authors' code: one z and one dropout mask for both players, both gradients before either step; then, of `g_steps`
    on G, what is left."""
    real = game.next_real()
    latent = game.next_latent(len(real.images))
    fake_BCHW = game.G(*latent)
    seen_BCHW = fake_BCHW.detach().requires_grad_()
    batch = judge_both(game, step, real, seen_BCHW, latent)
    g_loss = generator_loss(game, batch)
    if game.image_by_image and game.one_backward_pass:
        floored = with_floor(batch)
        d_loss = discriminator_loss(game, floored)
        scaled = game.D.scaled(d_loss)
        *d_gradients, gradient_BCHW = torch.autograd.grad(scaled, [*game.D.params, seen_BCHW])
        ratio_B = slope_ratio(game, batch.of_fake.logit, floored.of_fake.logit)
        gradient_BCHW = gradient_BCHW * ratio_B[:, None, None, None]
    else:
        d_loss = discriminator_loss(game, batch)
        scaled = game.D.scaled(d_loss)
        d_gradients = list(torch.autograd.grad(scaled, game.D.params, retain_graph=True))
        (gradient_BCHW,) = torch.autograd.grad(game.G.scaled(g_loss), seen_BCHW)
    g_gradients = torch.autograd.grad(fake_BCHW, game.G.params, gradient_BCHW)
    game.D.step(d_gradients if game.discriminator_learns(d_loss) else None)
    game.G.step(g_gradients if game.generator_learns(g_loss) else None)
    losses = {"d_loss": d_loss.detach(), "g_loss": g_loss.detach()}
    seen = report(batch) | losses | {"fake": fake_BCHW.detach()}
    return seen | further_generator_steps(game, step, real, g_steps - 1)


def judge_both(game: Game, step: int, real: Real, fake_BCHW: Tensor, latent: Latent) -> Minibatch:
    """D's outputs for real and fake images. Where D mixes the images of a batch, they are separate batches
    (ganhacks 4); where it does not, one pass over both gives the same and costs less."""
    if game.image_by_image or game.joint:
        count = len(real.images)
        both = game.judge(
            game.show(torch.cat([real.images, fake_BCHW]), step), joined(real, latent)
        )
        of_real, of_fake = part(both, slice(count)), part(both, slice(count, None))
    else:
        of_real = game.judge(game.show(real.images, step), real.labels)
        of_fake = game.judge(game.show(fake_BCHW, step), latent.labels)
    return Minibatch(step, real, latent, fake_BCHW, of_real, of_fake)


def judge_samples(
    game: Game, step: int, real: Real, fake_BCHW: Tensor, latent: Latent
) -> Minibatch:
    """What G learns from: D's outputs for samples, in the kind of batch that D itself learned from, and for data
    where G's loss compares the two."""
    if game.compares or (game.joint and not game.image_by_image):
        return judge_both(game, step, real, fake_BCHW, latent)
    of_fake = game.judge(game.show(fake_BCHW, step), latent.labels)
    return Minibatch(step, real, latent, fake_BCHW, None, of_fake)


def part(both: DiscriminatorOutput, rows: slice) -> DiscriminatorOutput:
    classes = None if both.classes is None else both.classes[rows]
    return DiscriminatorOutput(both.logit[rows], both.features[rows], classes)


def joined(real: Real, latent: Latent) -> Tensor | None:
    if real.labels is None or latent.labels is None:
        return None
    return torch.cat([real.labels, latent.labels])


def discriminator_loss(game: Game, batch: Minibatch) -> Tensor:
    """D's loss with all terms that tips add."""
    assert batch.of_real is not None
    loss = game.discriminator_loss(batch.of_real.logit, batch.of_fake.logit)
    return sum((term(batch) for term in game.discriminator_terms), start=loss)


def generator_loss(game: Game, batch: Minibatch) -> Tensor:
    """G's loss with all terms that tips add."""
    chosen = game.g_learns_from(batch)
    real_B = None if chosen.of_real is None else chosen.of_real.logit
    loss = game.generator_loss(real_B, chosen.of_fake.logit)
    return sum((term(batch) for term in game.generator_terms), start=loss)


def report(batch: Minibatch) -> dict[str, Tensor]:
    """D's outputs [B] for both kinds of images, detached, for the log."""
    assert batch.of_real is not None
    return {"d_real": batch.of_real.logit.detach(), "d_fake": batch.of_fake.logit.detach()}


# Lower limit of samples' logits: D's loss has the derivative 1e-26 there, which float32 still holds.
FLOOR = -60.0


class Floor(torch.autograd.Function):
    """`logit`, at least FLOOR; the gradient passes as if there were no floor."""

    @staticmethod
    def forward(ctx, logit_B: Tensor) -> Tensor:
        return logit_B.clamp_min(FLOOR)

    @staticmethod
    def backward(ctx, gradient_B: Tensor) -> Tensor:  # type: ignore[override]
        return gradient_B


def with_floor(batch: Minibatch) -> Minibatch:
    """`batch` with logits of samples of at least FLOOR, so that D's gradient for none of them is 0.

    D's gradient for a sample below the floor is too large by at most 1e-26 of that for one at D = 1/2.
    """
    floored_B = Floor.apply(batch.of_fake.logit)
    return replace(batch, of_fake=batch.of_fake._replace(logit=floored_B))


def slope_ratio(game: Game, g_logit_B: Tensor, d_logit_B: Tensor) -> Tensor:
    """[B]: (dL_G/dl) / (dL_D/dl), by which D's gradient at a sample is multiplied to give G's.

    Either loss depends on a sample through its logit l alone, so one backward pass through D serves both
    players. `d_logit_B` are the same logits, with a floor.
    """
    g_logit_B = g_logit_B.detach().requires_grad_()
    d_logit_B = d_logit_B.detach().requires_grad_()
    with torch.enable_grad():
        d_loss = game.discriminator_loss(d_logit_B.detach(), d_logit_B)
        g_loss = game.generator_loss(None, g_logit_B)
    (d_slope_B,) = torch.autograd.grad(d_loss, d_logit_B)
    (g_slope_B,) = torch.autograd.grad(g_loss, g_logit_B)
    return g_slope_B / d_slope_B
