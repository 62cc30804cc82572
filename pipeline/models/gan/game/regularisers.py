"""Regularisers: what is added to D's loss, which samples G learns from, and pulls on weights."""

import math
from collections.abc import Callable, Iterator
from dataclasses import replace

import torch
import torch.nn.functional as F
from torch import Generator, Tensor, nn

from pipeline.compute import streams
from pipeline.config.models.gan import regularisers as settings_of
from pipeline.models.common.player import Player
from pipeline.models.gan.game.augmentation import whole
from pipeline.models.gan.game.terms import Judge, Show
from pipeline.models.gan.game.updates import Minibatch

# Shapes: B batch, U units (rows of a weight matrix), I its inputs; images are BCHW.
Cost = Callable[[Tensor], Tensor]  # of |gradient|^2 [B]
# images and labels that a penalty is taken at
Seen = Callable[[Minibatch], tuple[Tensor, Tensor | None]]
Alike = Callable[[Tensor, Tensor, int], tuple[Tensor, Tensor]]  # two minibatches as D sees them


def data(batch: Minibatch) -> tuple[Tensor, Tensor | None]:
    return batch.real.images, batch.real.labels


def samples(batch: Minibatch) -> tuple[Tensor, Tensor | None]:
    return batch.fake, batch.latent.labels


def between(stream: Generator) -> Seen:
    """Points drawn evenly from the lines between each image and its sample (Gulrajani 2017, Algorithm 1)."""

    def drawn(batch: Minibatch) -> tuple[Tensor, None]:
        real_BCHW = batch.real.images
        share_B111 = streams.uniform((len(real_BCHW), 1, 1, 1), stream).to(real_BCHW.dtype)
        return torch.lerp(batch.fake.detach().to(real_BCHW.dtype), real_BCHW, share_B111), None

    return drawn


def zero_centred(squared_B: Tensor) -> Tensor:
    """R1 and R2: |gradient|^2 / 2 (Mescheder 2018, eq. 9)."""
    return squared_B / 2


def two_sided(squared_B: Tensor) -> Tensor:
    """(|gradient| - 1)^2 (Gulrajani 2017, eq. 3). The root's slope at 0 is infinite, so it is taken of 1e-12 more."""
    return ((squared_B + 1e-12).sqrt() - 1).square()


def one_sided(squared_B: Tensor) -> Tensor:
    """max(0, |gradient| - 1)^2 (Gulrajani 2017, section 4)."""
    return F.relu((squared_B + 1e-12).sqrt() - 1).square()


class SlopePenalty:
    """weight * E[cost(|gradient of D's output|^2)], by images before they are augmented (Karras 2020's code): what G
    or the data would have to change. Where D judges a batch, by BatchNorm or minibatch discrimination, an image moves
    the outputs of the others, too, and the gradient is that of the batch's sum.

    Computed every `every_steps` updates of D only, and then multiplied by it (Karras 2020).
    """

    def __init__(
        self,
        weight: Callable[[int], float],
        every_steps: int,
        cost: Cost,
        at: Seen,
        judge: Judge,
        show: Show,
    ):
        """`weight`: of a step; `at`: where the slope is taken."""
        self.weight, self.every, self.cost = weight, every_steps, cost
        self.at, self.judge, self.show = at, judge, show
        self.updates = 0

    def __call__(self, batch: Minibatch) -> Tensor:
        due = self.updates % self.every == 0
        self.updates += 1
        if not due:
            return batch.of_fake.logit.new_zeros(())
        images_BCHW, labels_B = self.at(batch)
        x_BCHW = images_BCHW.detach().requires_grad_()
        output_B = self.judge(self.show(x_BCHW, batch.step), labels_B).logit
        (slope_BCHW,) = torch.autograd.grad(output_B.sum(), x_BCHW, create_graph=True)
        squared_B = slope_BCHW.square().flatten(1).sum(dim=1)
        return self.every * self.weight(batch.step) * self.cost(squared_B).mean()

    def state_dict(self) -> dict:
        return {"updates": self.updates}

    def load_state_dict(self, state: dict) -> None:
        self.updates = state["updates"]


def consistency(
    settings: settings_of.Consistency,
    stream: Generator,
    judge: Judge,
    show: Show,
    alike: Alike | None = None,
) -> Callable[[Minibatch], Tensor]:
    """weight * E[(D(x) - D(T(x)))^2] over data (CR: Zhang 2020).

    `alike`: where D sees augmented images, the two with the same augmentation, so that they differ by T alone; D then
    judges x once more.
    """

    def term(batch: Minibatch) -> Tensor:
        assert batch.of_real is not None
        moved_BCHW = shifted(batch.real.images, settings.shift, stream)
        of_real = batch.of_real
        if alike is None:
            seen_BCHW = show(moved_BCHW, batch.step)
        else:
            shown_BCHW, seen_BCHW = alike(batch.real.images, moved_BCHW, batch.step)
            of_real = judge(shown_BCHW, batch.real.labels)
        of_moved = judge(seen_BCHW, batch.real.labels)
        gap_B = of_real.logit - of_moved.logit
        return settings.weight.at(batch.step) * gap_B.square().mean()

    return term


def shifted(images_BCHW: Tensor, most: int, stream: Generator) -> Tensor:
    """Each image moved by -`most` to `most` pixels along either axis; its edge fills what becomes free."""
    height, width = images_BCHW.shape[2:]
    moves_B2 = whole(streams.uniform((len(images_BCHW), 2), stream), -most, most)
    rows_BH = (torch.arange(height, device=moves_B2.device) + moves_B2[:, :1]).clamp(0, height - 1)
    columns_BW = (torch.arange(width, device=moves_B2.device) + moves_B2[:, 1:]).clamp(0, width - 1)
    image_B = torch.arange(len(images_BCHW), device=moves_B2.device)
    return images_BCHW[
        image_B[:, None, None, None],
        torch.arange(images_BCHW.shape[1], device=moves_B2.device)[None, :, None, None],
        rows_BH[:, None, :, None],
        columns_BW[:, None, None, :],
    ]


class LeCam:
    """weight * (E[(D(x) - a)^2] + E[(D(G(z)) - b)^2]); a, b: moving averages of D's means for samples and for
    data, the minibatch's included (Tseng 2021)."""

    def __init__(self, settings: settings_of.LeCam):
        self.settings = settings
        self.anchors: dict[str, Tensor] = {}  # of D's outputs for "real" and for "fake"

    def __call__(self, batch: Minibatch) -> Tensor:
        assert batch.of_real is not None
        real_B, fake_B = batch.of_real.logit, batch.of_fake.logit
        for name, output_B in (("real", real_B), ("fake", fake_B)):
            mean = output_B.detach().mean()
            before = self.anchors.get(name, mean).to(mean.device)
            self.anchors[name] = torch.lerp(mean, before, self.settings.decay)
        gaps = (real_B - self.anchors["fake"]).square().mean() + (
            fake_B - self.anchors["real"]
        ).square().mean()
        return self.settings.weight.at(batch.step) * gaps

    def state_dict(self) -> dict:
        return {"anchors": self.anchors}

    def load_state_dict(self, state: dict) -> None:
        self.anchors = dict(state["anchors"])


def top_k(settings: settings_of.TopK) -> Callable[[Minibatch], Minibatch]:
    """The minibatch with the outputs of the samples alone that D takes for data most (Sinha 2020), their number rounded
    up, and of the images that they are compared with."""

    def chosen(batch: Minibatch) -> Minibatch:
        share = 1 + (settings.share - 1) * min(1.0, batch.step / settings.steps)
        logit_B = batch.of_fake.logit
        # a product that rounding alone lifts above a whole number is that number
        rows = logit_B.topk(math.ceil(share * len(logit_B) - 1e-9)).indices
        of_real = batch.of_real
        if of_real is not None:
            of_real = of_real._replace(logit=of_real.logit[rows])
        return replace(batch, of_real=of_real, of_fake=batch.of_fake._replace(logit=logit_B[rows]))

    return chosen


def pull_to_orthogonal(player: Player, weight: float) -> None:
    """From now on add the gradient of weight * |W W' without its diagonal|^2 to the player's gradient, in place,
    before each step of its optimiser (Brock 2019, eq. 3); the logged loss is without the term.

    W: of each affine map. Embeddings and the gains and biases of norms and pixels are no such matrices.
    """
    found = list(matrices(player))

    @torch.no_grad()
    def pull() -> None:
        for weights, gradient in found:
            w_UI = weights.flatten(1)
            gram_UU = (w_UI @ w_UI.T).fill_diagonal_(0)
            gradient.add_((gram_UU @ w_UI).view_as(weights), alpha=4 * weight)

    player.before_each_step(pull)


def matrices(player: Player) -> Iterator[tuple[Tensor, Tensor]]:
    """Views [U, ...] of the weights of each affine map, and of their gradients: a row for each unit or output channel;
    those of a convolution's groups apart, because they share no inputs."""
    both = dict(zip(map(id, player.params), player.weights_and_gradients(), strict=True))
    for layer in player.net.modules():
        if isinstance(layer, nn.ConvTranspose2d):
            weights, gradient = both[id(layer.weight)]
            yield weights.transpose(0, 1), gradient.transpose(0, 1)
        elif isinstance(layer, nn.Linear | nn.Conv2d):
            groups = layer.groups if isinstance(layer, nn.Conv2d) else 1
            yield from zip(*(part.chunk(groups) for part in both[id(layer.weight)]), strict=True)
