"""The training of a GAN: the players and everything else that changes from one step to the next."""

import copy
from collections.abc import Iterable, Sequence

import torch
from torch import Tensor
from torch.nn.modules.batchnorm import _BatchNorm

from pipeline.compute import devices, precision
from pipeline.compute.parallel import ALONE, World
from pipeline.compute.scaling import LossScale
from pipeline.compute.streams import Streams, generator
from pipeline.config.models.gan.tips import StepsOfD
from pipeline.config.models.gan.train import Train
from pipeline.errors import TrainingError
from pipeline.models.common.batches import Batches
from pipeline.models.common.ema import update_ema
from pipeline.models.common.player import Player, load_vector
from pipeline.models.common.saved import named
from pipeline.models.common.start import State
from pipeline.models.gan import monitor, noise, pixels, products
from pipeline.models.gan.game import losses, updates
from pipeline.models.gan.nets import (
    Discriminator,
    Encoder,
    Generator,
    discriminator_of,
    generator_of,
)
from pipeline.models.gan.new_game import new_game
from pipeline.models.gan.noise import Latent

OF_HYBRIDS = ("reconstruction", "kl")  # additional measurements with an encoder; nats per image


class Training:
    """Built from settings, a seed and data; `advance` makes one step, `state_dict` holds all of it."""

    def __init__(
        self,
        settings: Train,
        seed: int,
        images_NCHW: Tensor,
        device: torch.device,
        labels_N: Tensor | None = None,
        world: World = ALONE,
        last_layers: dict[str, Tensor] | None = None,
        start: State | None = None,
    ):
        """`images_NCHW`: float32 training images in [-1, 1]; `labels_N`: int64 from 0, if there are any;
        `last_layers`: initial weights of the last layers of G's body (pipeline/models/gan/pretraining.py);
        `start`: tensors of a model file, whose nets the players begin with, each as it was at the last step.
        TrainingError if settings and data do not fit.

        On several devices each rank builds the same of the same arguments but its own `world`.
        """
        try:
            settings.check_images(len(images_NCHW))
        except ValueError as error:
            raise TrainingError(f"train.{error}") from None
        if settings.auxiliary_classifier and labels_N is None:
            raise TrainingError(
                "train.auxiliary_classifier needs a label for every training image, and this dataset "
                "has not got them; remove it, or choose another dataset"
            )
        self.settings = settings
        self.seed = seed
        self.device = device
        self.world = world
        self.image_shape = tuple(images_NCHW.shape[1:])
        self.products = products.largest(settings, self.image_shape)
        self.precision = precision.choose(settings.precision, device, self.products)
        self.classes = 0 if labels_N is None else int(labels_N.max()) + 1
        self.step = 0
        self.learning_rate_factor = 1.0  # less than 1 after a rollback
        self.snapshots: dict[str, Tensor] = {}
        self.streams = Streams(seed, device, world.rank, world.ranks)
        self.scale = LossScale() if settings.precision == "fp16" else None
        shown_NCHW = pixels.to_nets(images_NCHW, settings.pixels)
        self.batches = Batches(
            devices.place(shown_NCHW, settings.data_on, device),
            labels_N,
            settings.batch_size,
            self.streams["data"],
            device,
            settings.last_minibatch,
        )
        every = max(1, len(shown_NCHW) // 200)
        self.real_spread = monitor.spread(shown_NCHW[::every])
        if self.real_spread == 0:
            raise TrainingError(
                "the training images are all the same, so a GAN has nothing to learn; choose another dataset"
            )
        self.game, self.coder = new_game(
            settings,
            self.image_shape,
            self.classes,
            images_NCHW.mean(dim=0),
            self.batches.next,
            device,
            self.streams,
            world,
            self.scale,
            self.precision,
            last_layers,
            start,
        )
        self.G, self.D = self.game.G, self.game.D
        self.average = self.G.vector.detach().clone() if settings.ema else None
        self.average_of_D = self.D.vector.detach().clone() if settings.discriminator_ema else None

    @property
    def players(self) -> dict[str, Player]:
        """G, D and, in a hybrid, E."""
        found = {"G": self.G, "D": self.D}
        return found if self.coder is None else found | {"E": self.coder.E}

    def advance(self) -> dict[str, Tensor]:
        """One iteration: k updates of D, one or more of G, the moving average. Returns losses and logits."""
        for player in self.players.values():
            player.schedule(
                self.step, self.settings.steps, self.batches.next_epoch, self.learning_rate_factor
            )
        with devices.autocast(self.device, self.precision):
            seen = self._update()
        self.game.watch(seen["d_real"], k_at(self.settings.discriminator_steps, self.step))
        if self.scale is not None:
            self.scale.next_iteration()
        self.step += 1
        if self.average is not None and self.settings.ema is not None:
            update_ema(self.average, self.G.vector.detach(), self.settings.ema, self.step)
        if self.average_of_D is not None and self.settings.discriminator_ema is not None:
            update_ema(
                self.average_of_D,
                self.D.vector.detach(),
                self.settings.discriminator_ema,
                self.step,
            )
        return seen

    def _update(self) -> dict[str, Tensor]:
        g_steps = self.settings.generator_steps
        if self.settings.update == "simultaneous":
            return updates.simultaneous(self.game, self.step, g_steps)
        k = k_at(self.settings.discriminator_steps, self.step)
        return updates.alternating(self.game, self.step, k, g_steps)

    @property
    def steps(self) -> int:
        return self.settings.steps

    def measure(self, seen: dict[str, Tensor]) -> dict[str, float]:
        """Numbers about the step for which `advance` returned `seen`. d_real and d_fake: means of D(x) and
        D(G(z)), probabilities unless D is a critic; diversity: mean distance between the samples of the step, in units of that
        between real images.

        Means are over the minibatches of all ranks; every rank gets the same numbers.
        """
        self.check_ranks_agree()
        diversity = torch.as_tensor(monitor.spread(seen["fake"]) / self.real_spread)
        own = {
            "d_loss": seen["d_loss"],
            "g_loss": seen["g_loss"],
            "d_real": losses.value(self.settings.loss, seen["d_real"]).mean(),
            "d_fake": losses.value(self.settings.loss, seen["d_fake"]).mean(),
            "diversity": diversity.to(seen["d_loss"]),
        }
        own |= {name: seen[name] for name in OF_HYBRIDS if name in seen}
        numbers = self.world.average(torch.stack(list(own.values()))).tolist()
        means = dict(zip(own, numbers, strict=True))
        of_players = {name: means.pop(name) for name in ("d_loss", "g_loss", "d_real", "d_fake")}
        return {
            "step": self.step,
            "images": self.images(self.step),
            **of_players,
            "g_gradient_norm": self.G.gradient_norm().item(),
            "d_gradient_norm": self.D.gradient_norm().item(),
            **means,
            **self._ada(),
        }

    def _ada(self) -> dict[str, float]:
        """ada_p: how often images are augmented at present; empty without ADA."""
        chosen = self.settings.augmentation
        if chosen is None or chosen.ada is None:
            return {}
        return {"ada_p": self.game.memory["augmentation"].state_dict()["p"]}

    def images(self, step: int) -> int:
        """How many images of the data D has learned from after `step` steps."""
        schedule = self.settings.discriminator_steps
        return self.batches.images_in(minibatches(schedule, step))

    def check_ranks_agree(self) -> None:
        """TrainingError unless every rank holds the same nets: each moves its own by the same mean
        gradients."""
        if self.world.ranks == 1:
            return
        if not self.world.agree(sum(player.digest() for player in self.players.values())):
            raise TrainingError(
                f"the devices hold different weights at step {self.step:,}: something that this run uses "
                "is not made for several devices. Set train.devices: 1, and please report it"
            )

    def draw(self, count: int, stream: torch.Generator) -> Latent:
        """Arguments of G for `count` images."""
        return noise.draw_for(self.settings, count, stream, self.classes)

    def sampler(self, raw: bool = False) -> Generator:
        """A float32 net to draw samples from: G's average where there is one, unless `raw`.

        Its BatchNorm statistics are measured anew: no batch ever passed through averaged weights, and running
        statistics lag behind the others.
        """
        stream = generator(self.seed, "sampler", self.device)
        G = generator_of(self.settings, self.image_shape, self.classes, stream).to(self.device)
        load_vector(G, self.G.vector if raw or self.average is None else self.average)
        G.load_state_dict(dict(self.G.net.named_buffers()), strict=False)
        stream = generator(self.seed, "norms", self.device)
        measure_norms(G, [self.draw(1_000, stream) for _ in range(10)])
        return G.eval()

    def weights(self) -> dict[str, Tensor]:
        """Content of the model file: generator.*, discriminator.*, generator_ema.*, discriminator_ema.* and encoder.* if
        used; float32."""
        tensors = named("generator", self.sampler(raw=True))
        if self.average is not None:
            tensors |= named("generator_ema", self.sampler())
        tensors |= named("discriminator", self._judge(self.D.vector))
        if self.average_of_D is not None:
            tensors |= named("discriminator_ema", self._judge(self.average_of_D))
        if self.coder is not None:
            E = Encoder(
                self.coder.settings.encoder,
                self.settings.noise.dim,
                self.image_shape,
                self.streams["dropout"],
            ).to(self.device)
            load_vector(E, self.coder.E.vector)
            E.load_state_dict(dict(self.coder.E.net.named_buffers()), strict=False)
            tensors |= named("encoder", E)
        return tensors

    def _judge(self, vector: Tensor) -> Discriminator:
        """A float32 D with these weights."""
        D = discriminator_of(
            self.settings, self.image_shape, self.classes, self.streams["dropout"]
        ).to(self.device)
        load_vector(D, vector)
        D.load_state_dict(dict(self.D.net.named_buffers()), strict=False)
        return D

    def remember(self) -> None:
        """Store a snapshot of both players if the data are points, for theory.json and Figure 1."""
        if self.image_shape[-2:] == (1, 1):
            now = {f"snapshot.{self.step}.{key}": w.clone() for key, w in self.weights().items()}
            self.snapshots |= now

    def state_dict(self) -> dict:
        """All that the next step depends on: continuing from it gives the same bits."""
        return {
            "step": self.step,
            "learning_rate_factor": self.learning_rate_factor,
            "memory": {name: tip.state_dict() for name, tip in self.game.memory.items()},
            "snapshots": self.snapshots,
            "streams": self.streams.state_dict(),
            "batches": self.batches.state_dict(),
            "average": self.average,
            "average_of_D": self.average_of_D,
            "scale": None if self.scale is None else self.scale.state_dict(),
            **{name: player.state_dict() for name, player in self.players.items()},
        }

    def load_state_dict(self, state: dict) -> None:
        self.step = state["step"]
        self.learning_rate_factor = state["learning_rate_factor"]
        for name, tip in self.game.memory.items():
            tip.load_state_dict(state["memory"][name])
        self.snapshots = state["snapshots"]
        self.streams.load_state_dict(state["streams"])
        self.batches.load_state_dict(state["batches"])
        if self.average is not None:
            self.average.copy_(state["average"])
        if self.average_of_D is not None:
            self.average_of_D.copy_(state["average_of_D"])
        if self.scale is not None:
            self.scale.load_state_dict(state["scale"])
        for name, player in self.players.items():
            player.load_state_dict(state[name])

    def go_back(self, state: dict) -> None:
        """Return to a `state` of earlier on, with learning rates times `monitor.learning_rate_factor`.

        Random numbers and the data go on from where they are: the same ones would fail the same way.
        """
        factor = self.learning_rate_factor * self.settings.monitor.learning_rate_factor
        now = {"streams": self.streams.state_dict(), "batches": self.batches.state_dict()}
        self.load_state_dict(copy.deepcopy(state) | now)
        self.learning_rate_factor = factor


@torch.no_grad()
def measure_norms(G: Generator, latents: Iterable[Latent]) -> None:
    """Set BatchNorm's statistics to those of `latents`; no other net is touched or run."""
    norms = [layer for layer in G.modules() if isinstance(layer, _BatchNorm)]
    if not norms:
        return
    G.eval()
    for layer in norms:
        layer.reset_running_stats()
        layer.momentum = None  # a plain mean over batches
        layer.train()
    for latent in latents:
        G(*latent)


def k_at(schedule: Sequence[StepsOfD], step: int) -> int:
    """k of Algorithm 1 in step `step`, counted from 0."""
    return [stretch.k for stretch in schedule if stretch.from_step <= step][-1]


def minibatches(schedule: Sequence[StepsOfD], step: int) -> int:
    """Number of minibatches that D has seen after `step` steps."""
    ends = [stretch.from_step for stretch in schedule[1:]] + [step]
    return sum(
        stretch.k * max(0, min(end, step) - stretch.from_step)
        for stretch, end in zip(schedule, ends, strict=True)
    )
