"""The training of one net by the gradient of a loss: what families other than the GAN share."""

import copy
import math
from collections.abc import Callable, Iterator
from typing import Any

import torch
from torch import Tensor, nn

from pipeline.compute import devices, precision
from pipeline.compute.parallel import ALONE, World
from pipeline.compute.precision import Products
from pipeline.compute.streams import Streams, generator
from pipeline.config.models.common.learner import Learner
from pipeline.errors import TrainingError
from pipeline.models.common import loop
from pipeline.models.common.batches import Batches
from pipeline.models.common.ema import update_ema
from pipeline.models.common.player import Player, load_vector
from pipeline.models.common.saved import named
from pipeline.models.common.start import State, take, under


class Training:
    """Built from settings, a seed and data; `advance` makes one step, `state_dict` holds all of it.

    A family derives from it and says what net learns (`build`), by which loss, and how pictures are
    drawn while it learns.
    """

    def __init__(
        self,
        settings: Learner,
        seed: int,
        images_NCHW: Tensor,
        device: torch.device,
        labels_N: Tensor | None = None,
        world: World = ALONE,
        start: State | None = None,
    ):
        """`images_NCHW`: float32 training images in [-1, 1]; `labels_N`: int64, only counted; `start`: weights and
        buffers of the net in the place of random ones. TrainingError if they, or the settings, do not fit."""
        check_images(settings, images_NCHW)
        self.settings = settings
        self.seed = seed
        self.device = device
        self.world = world
        self.image_shape = tuple(images_NCHW.shape[1:])
        self.classes = 0 if labels_N is None else int(labels_N.max()) + 1
        self.products = self.largest_product()
        self.precision = precision.choose(settings.precision, device, self.products)
        self.step = 0
        # of points only, which these families do not train on
        self.snapshots: dict[str, Tensor] = {}
        self.streams = Streams(seed, device)
        self.batches = Batches(
            devices.place(self.prepare(images_NCHW), "auto", device),
            None,
            settings.batch_size,
            self.streams["data"],
            device,
        )
        net = self.build(self.streams["init"]).to(device)
        if start is not None:
            take(net, self.going_on(net, start))
        self.player = Player(net, settings.optimizer, self.precision)
        self.average = self.player.vector.detach().clone() if settings.ema else None

    # What a family says.

    def build(self, stream: torch.Generator) -> nn.Module:
        """A new net with initial weights from `stream`."""
        raise NotImplementedError

    def loss(self, x_BCHW: Tensor) -> Tensor:
        """The mean loss of a minibatch as `prepare` gave it, in nats per image."""
        raise NotImplementedError

    def picture(self, net: nn.Module, count: int) -> Tensor:
        """[count, C, H, W] in [-1, 1], drawn by `net` from the same random numbers every time."""
        raise NotImplementedError

    def largest_product(self) -> Products:
        """Of a step, for `precision: auto`."""
        raise NotImplementedError

    def prepare(self, images_NCHW: Tensor) -> Tensor:
        """What minibatches are taken of."""
        return images_NCHW

    def going_on(self, net: nn.Module, start: State) -> State:
        """What of `start`, the weights and buffers of a trained net, the new `net` begins with."""
        return start

    def after_update(self) -> None:
        """Called after every update of the weights."""

    # What the loop asks for.

    @property
    def steps(self) -> int:
        return self.settings.steps

    @property
    def pixels(self) -> int:
        """Numbers of an image."""
        return math.prod(self.image_shape)

    def advance(self) -> dict[str, Tensor]:
        """One update along the gradient of the loss, and of the moving average."""
        self.player.schedule(self.step, self.settings.steps, self.batches.next_epoch)
        x_BCHW = self.batches.next().images
        with devices.autocast(self.device, self.precision):
            loss = self.loss(x_BCHW)
        self.player.step(torch.autograd.grad(loss, self.player.params))
        self.after_update()
        self.step += 1
        if self.average is not None and self.settings.ema is not None:
            update_ema(self.average, self.player.vector.detach(), self.settings.ema, self.step)
        return {"loss": loss.detach()}

    def measure(self, seen: dict[str, Tensor]) -> dict[str, float]:
        """loss: of the last minibatch, nats per image."""
        return {
            "step": self.step,
            "images": self.images(self.step),
            **{name: value.item() for name, value in seen.items()},
            "gradient_norm": self.player.gradient_norm().item(),
        }

    def images(self, step: int) -> int:
        """How many images the net has learned from after `step` steps."""
        return self.batches.images_in(step)

    def sampler(self, raw: bool = False) -> nn.Module:
        """A float32 net: the average where there is one, unless `raw`."""
        net = self.build(generator(self.seed, "sampler", self.device)).to(self.device)
        load_vector(net, self.player.vector if raw or self.average is None else self.average)
        net.load_state_dict(dict(self.player.net.named_buffers()), strict=False)
        return net.eval()

    @torch.no_grad()
    def draw(self, count: int) -> Tensor:
        """The picture of the present state, on the CPU."""
        return self.picture(self.sampler(), count).cpu()

    def weights(self) -> dict[str, Tensor]:
        """Content of the model file: net.* and, if used, net_ema.*; float32."""
        tensors = named("net", self.sampler(raw=True))
        if self.average is not None:
            tensors |= named("net_ema", self.sampler())
        return tensors

    def state_dict(self) -> dict:
        """All that the next step depends on: continuing from it gives the same bits."""
        return {
            "step": self.step,
            "streams": self.streams.state_dict(),
            "batches": self.batches.state_dict(),
            "average": self.average,
            "player": self.player.state_dict(),
        }

    def load_state_dict(self, state: dict) -> None:
        self.step = state["step"]
        self.streams.load_state_dict(state["streams"])
        self.batches.load_state_dict(state["batches"])
        if self.average is not None:
            self.average.copy_(state["average"])
        self.player.load_state_dict(state["player"])

    def go_back(self, state: dict) -> None:
        self.load_state_dict(copy.deepcopy(state))


def check_images(settings: Any, images_NCHW: Tensor) -> None:
    """TrainingError if images in [-1, 1] do not suit the settings of a family: of a folder or a file only they tell
    how many there are."""
    try:
        settings.check_images(tuple(images_NCHW.shape[1:]), True, len(images_NCHW))
    except ValueError as error:
        raise TrainingError(f"train.{error}") from None


def trainings(
    kind: Callable[..., loop.Training],
    settings: Any,
    seed: int,
    images_NCHW: Tensor,
    device: torch.device,
    labels_N: Tensor | None = None,
    world: World = ALONE,
    start: State | None = None,
) -> Iterator[tuple[str, loop.Training]]:
    """The one training of a run, of class `kind`, under no name of its own; `start`: the tensors of a model file."""
    first = under(start, "net.")
    yield "", kind(settings, seed, images_NCHW, device, labels_N, world, start=first)


def reinitialize(net: nn.Module, stream: torch.Generator) -> None:
    """Draw every weight of `net` again, from `stream`: uniform within 1 / sqrt(inputs), as PyTorch does;
    biases are 0. Whatever the constructor drew from the global stream is forgotten."""
    with torch.no_grad():
        for weight in net.parameters():
            if weight.dim() < 2:
                weight.zero_()
            else:
                bound = weight[0].numel() ** -0.5
                weight.uniform_(-bound, bound, generator=stream)
