"""From settings to the rules of a game: its losses, and what the tips add to them."""

from collections.abc import Callable

from torch import Tensor

from pipeline.config import train as config
from pipeline.gan import losses
from pipeline.gan.batches import Real
from pipeline.gan.nets import Judgement
from pipeline.gan.noise import Latent
from pipeline.gan.player import Player
from pipeline.gan.updates import Game


def game(
    settings: config.Train,
    *,
    G: Player,
    D: Player,
    judge: Callable[[Tensor, Tensor | None], Judgement],
    next_real: Callable[[], Real],
    next_latent: Callable[[], Latent],
    blur: Callable[[Tensor], Tensor],
    image_by_image: bool,
) -> Game:
    """The game that `settings` describe; what moves with the steps is asked of the callables."""

    def discriminator_loss(logit_real_B: Tensor, logit_fake_B: Tensor) -> Tensor:
        loss = losses.discriminator(logit_real_B, logit_fake_B)
        return settings.discriminator_loss_scale * loss

    return Game(
        G=G,
        D=D,
        next_real=next_real,
        next_latent=next_latent,
        judge=judge,
        blur=blur,
        discriminator_loss=discriminator_loss,
        generator_loss=losses.GENERATOR[settings.generator_loss],
        image_by_image=image_by_image,
        logits_only=True,
    )
