"""A game under way: the players and everything else that changes from one step to the next."""

from collections.abc import Callable
from functools import partial
from typing import cast

import torch
from torch import Tensor, nn
from torch.optim.swa_utils import AveragedModel, update_bn

from pipeline.config.train import Decay, Ema, Train
from pipeline.errors import TrainingError
from pipeline.gan import devices, losses, noise, optimizers, updates
from pipeline.gan.batches import Batches
from pipeline.gan.nets import Discriminator, Generator, initialize, start_at_the_mean
from pipeline.gan.streams import Streams, generator


class Training:
    """Built from settings, a seed and data; `advance` makes one step, `state_dict` holds all of it."""

    def __init__(self, settings: Train, seed: int, images_NCHW: Tensor, device: torch.device):
        """`images_NCHW`: float32 training images in [-1, 1]."""
        if settings.batch_size > len(images_NCHW):
            raise TrainingError(
                f"train.batch_size is {settings.batch_size:,}, but there are only "
                f"{len(images_NCHW):,} training images; set it to that or less"
            )
        self.settings = settings
        self.seed = seed
        self.device = device
        self.step = 0
        self.streams = Streams(seed, device)
        shape = tuple(images_NCHW.shape[1:])
        self.G, self.D = self._players(settings, shape, images_NCHW)
        self.ema: AveragedModel | None = None
        if settings.ema is not None:
            self.ema = AveragedModel(self.G, multi_avg_fn=averaging(settings.ema))
        pixels = images_NCHW if settings.pixels == "symmetric" else (images_NCHW + 1) / 2
        self.batches = Batches(pixels.to(device), settings.batch_size, self.streams["data"])
        self.game = updates.Game(
            G=self.G,
            D=self.D,
            opt_G=optimizers.build(settings.generator.optimizer, self.G),
            opt_D=optimizers.build(settings.discriminator.optimizer, self.D),
            next_real=self.batches.next,
            next_z=lambda: self.draw_z(settings.batch_size, self.streams["noise"]),
            blur=self._blur,
            generator_loss=losses.GENERATOR[settings.generator_loss],
            discriminator_loss_scale=settings.discriminator_loss_scale,
        )
        self._update: Callable[[updates.Game], dict[str, Tensor]] = (
            partial(updates.alternating, k=settings.discriminator_steps)
            if settings.update == "alternating"
            else updates.simultaneous
        )

    def _players(
        self, settings: Train, shape: tuple, images_NCHW: Tensor
    ) -> tuple[Generator, Discriminator]:
        G = Generator(settings.generator, settings.noise.dim, shape, settings.pixels).to(
            self.device
        )
        D = Discriminator(settings.discriminator, shape, self.streams["dropout"]).to(self.device)
        initialize(G, settings.generator.init, self.streams["init"])
        initialize(D, settings.discriminator.init, self.streams["init"])
        if settings.generator.output_bias == "data":
            start_at_the_mean(G, settings.generator, images_NCHW.mean(dim=0))
        return G, D

    def advance(self) -> dict[str, Tensor]:
        """One iteration: k updates of D, one of G, the moving average. Returns losses and logits."""
        for optimizer, net in (
            (self.game.opt_G, self.settings.generator),
            (self.game.opt_D, self.settings.discriminator),
        ):
            optimizers.schedule(
                optimizer, net.optimizer, self.step, self.settings.steps, self.batches.epoch
            )
        with devices.autocast(self.device, self.settings.precision):
            seen = self._update(self.game)
        self.step += 1
        if self.settings.ema and self.ema and self.step % self.settings.ema.every_steps == 0:
            self.ema.update_parameters(self.G)
        return seen

    def draw_z(self, count: int, stream: torch.Generator) -> Tensor:
        return noise.PRIORS[self.settings.noise.prior]((count, self.settings.noise.dim), stream)

    def _blur(self, images_BCHW: Tensor) -> Tensor:
        std = value(self.settings.instance_noise, self.step)
        if std == 0:
            return images_BCHW
        stream = self.streams["instance_noise"]
        return images_BCHW + std * torch.randn(
            images_BCHW.shape, generator=stream, device=self.device
        )

    def sampler(self) -> Generator:
        """The net to draw samples from: the average of G's weights where there is one."""
        return self.settle(self.G if self.ema is None else cast(Generator, self.ema.module))

    def settle(self, G: Generator) -> Generator:
        """`G` with BatchNorm statistics measured for its weights, ready to sample from.

        Averaged weights never saw a batch, and the running statistics of the others lag behind.
        """
        stream = generator(self.seed, "norms", self.device)
        update_bn([self.draw_z(1_000, stream) for _ in range(10)], G)
        return G.eval()

    def weights(self) -> dict[str, Tensor]:
        """What is kept for good: generator.*, generator_ema.* where used, discriminator.*"""
        nets: dict[str, nn.Module] = {"generator": self.settle(self.G), "discriminator": self.D}
        if self.ema is not None:
            nets["generator_ema"] = self.settle(cast(Generator, self.ema.module))
        return {
            f"{name}.{key}": tensor.detach().cpu().contiguous()
            for name, net in nets.items()
            for key, tensor in net.state_dict().items()
        }

    def state_dict(self) -> dict:
        """All that the next step depends on: continuing from it gives the same bits."""
        return {
            "step": self.step,
            "streams": self.streams.state_dict(),
            "batches": self.batches.state_dict(),
            "ema": self.ema.state_dict() if self.ema is not None else None,
            "G": self.G.state_dict(),
            "D": self.D.state_dict(),
            "opt_G": self.game.opt_G.state_dict(),
            "opt_D": self.game.opt_D.state_dict(),
        }

    def load_state_dict(self, state: dict) -> None:
        self.step = state["step"]
        self.streams.load_state_dict(state["streams"])
        self.batches.load_state_dict(state["batches"])
        if self.ema is not None:
            self.ema.load_state_dict(state["ema"])
        self.G.load_state_dict(state["G"])
        self.D.load_state_dict(state["D"])
        self.game.opt_G.load_state_dict(state["opt_G"])
        self.game.opt_D.load_state_dict(state["opt_D"])


def averaging(ema: Ema):
    """In-place update of the averages: the plain mean of all weights so far, then the moving one."""
    step = 1 - ema.decay**ema.every_steps

    @torch.no_grad()
    def update(averages: list[Tensor], weights: list[Tensor], count: Tensor) -> None:
        torch._foreach_lerp_(averages, weights, max(step, 1 / (int(count) + 1)))

    return update


def value(decay: Decay, step: int) -> float:
    """Of a linear schedule after `step` updates."""
    return decay.start + (decay.end - decay.start) * min(1.0, step / decay.steps)
