"""Augmentation: random transforms of all that D sees, through which gradients pass, and mirrored data.

DiffAugment (Zhao 2020): where samples are transformed like data, G still learns the distribution of the data, as
long as the transforms can be undone in the mean; ADA (Karras 2020) sets how often. Penalties on D's slope, such as R1,
take that of D(T(x)) by x, as ADA's code does: it is the slope that G learns from.
"""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Generator, Tensor

from pipeline.compute import streams
from pipeline.config.models.gan.augmentation import Augmentation
from pipeline.models.common.batches import Real

# Shapes: B batch, C channels, H height, W width.
AddNoise = Callable[[Tensor, int], Tensor]  # to images, at a step
DRAWS = 10  # numbers from U[0, 1) for each image


@dataclass(frozen=True)
class Transform:
    """One draw for each image of a minibatch; the same transform of whatever it is called with."""

    settings: Augmentation
    u_BK: Tensor  # DRAWS columns, from U[0, 1)
    p: float
    grey: float  # the middle of the pixels' range
    span: float  # half of the range

    def __call__(self, x_BCHW: Tensor) -> Tensor:
        """New images; the same tensor where nothing is on."""
        u, on = self.u_BK, self.settings
        if on.colour:
            x_BCHW = self._where(u[:, 0], self._coloured(x_BCHW, u[:, 1:4]), x_BCHW)
        if on.translation:
            x_BCHW = self._where(u[:, 4], self._moved(x_BCHW, u[:, 5:7]), x_BCHW)
        if on.cutout:
            x_BCHW = self._where(u[:, 7], self._cut(x_BCHW, u[:, 8:10]), x_BCHW)
        return x_BCHW

    def _where(self, u_B: Tensor, changed_BCHW: Tensor, x_BCHW: Tensor) -> Tensor:
        return torch.where(u_B[:, None, None, None] < self.p, changed_BCHW, x_BCHW)

    def _coloured(self, x_BCHW: Tensor, u_B3: Tensor) -> Tensor:
        """Brightness +- half of the half range, saturation times 0 to 2, contrast times 0.5 to 1.5 (Zhao 2020)."""
        u_B3111 = u_B3[:, :, None, None, None].to(x_BCHW.dtype)
        brightness, saturation, contrast = u_B3111.unbind(dim=1)
        x_BCHW = x_BCHW + (brightness - 0.5) * self.span
        if x_BCHW.shape[1] > 1:
            x_BCHW = x_BCHW.mean(dim=1, keepdim=True).lerp(x_BCHW, 2 * saturation)
        return x_BCHW.mean(dim=(1, 2, 3), keepdim=True).lerp(x_BCHW, contrast + 0.5)

    def _moved(self, x_BCHW: Tensor, u_B2: Tensor) -> Tensor:
        """By whole pixels along either axis; grey comes in."""
        by = [
            whole(u_B, -most, most)
            for u_B, most in zip(
                u_B2.unbind(dim=1), parts(x_BCHW, self.settings.translation), strict=True
            )
        ]
        return shifted(x_BCHW - self.grey, *by) + self.grey

    def _cut(self, x_BCHW: Tensor, u_B2: Tensor) -> Tensor:
        """A grey square, whose middle may be anywhere in the image: near an edge a part of it is outside."""
        inside = []
        for axis, side in enumerate(parts(x_BCHW, self.settings.cutout)):
            size = x_BCHW.shape[2 + axis]
            first_B = whole(u_B2[:, axis], 0, size - side % 2) - side // 2
            from_first_BS = torch.arange(size, device=first_B.device) - first_B[:, None]
            inside.append((from_first_BS >= 0) & (from_first_BS < side))
        square_BHW = inside[0][:, :, None] & inside[1][:, None, :]
        return x_BCHW.masked_fill(square_BHW[:, None], self.grey)


def parts(x_BCHW: Tensor, share: float) -> tuple[int, int]:
    """That share of height and width, in whole pixels, half of one rounded up."""
    height, width = x_BCHW.shape[2:]
    return int(height * share + 0.5), int(width * share + 0.5)


def whole(u_B: Tensor, low: int, high: int) -> Tensor:
    """Integers in the shape of `u_B` from `low` to `high`, both included, equally likely."""
    return (u_B * (high - low + 1)).floor().long() + low


def shifted(x_BCHW: Tensor, down_B: Tensor, right_B: Tensor) -> Tensor:
    """Each image moved by whole pixels; zeros come in."""
    return _Shift.apply(x_BCHW, down_B, right_B)  # type: ignore[no-any-return]


class _Shift(torch.autograd.Function):
    """The gradient is moved back: the same on every device, unlike the sums that indexing would make of it."""

    @staticmethod
    def forward(ctx, x_BCHW: Tensor, down_B: Tensor, right_B: Tensor) -> Tensor:
        ctx.by = (down_B, right_B)
        for dim, by_B in ((2, down_B), (3, right_B)):
            size = x_BCHW.shape[dim]
            from_BS = torch.arange(size, device=by_B.device) - by_B[:, None]
            there_BS = (from_BS >= 0) & (from_BS < size)
            shape = [len(by_B), 1, 1, 1]
            shape[dim] = size
            rows = from_BS.clamp(0, size - 1).view(shape).expand_as(x_BCHW)
            x_BCHW = x_BCHW.gather(dim, rows).masked_fill(~there_BS.view(shape), 0)
        return x_BCHW

    @staticmethod
    def backward(ctx, gradient_BCHW: Tensor):  # type: ignore[override]
        down_B, right_B = ctx.by
        return shifted(gradient_BCHW, -down_B, -right_B), None, None


class Augment:
    """What D is shown instead of images. Its state is ADA's: p, and what r_t is counted from."""

    def __init__(
        self,
        settings: Augmentation,
        stream: Generator,
        symmetric: bool = True,
        batch_size: int = 1,
        average: Callable[[Tensor], Tensor] = lambda mean: mean,
    ):
        """`symmetric`: pixels are in [-1, 1], not [0, 1]; `batch_size`, of data: what `watch` counts; `average`: over
        all devices."""
        self.settings = settings
        self.stream = stream
        self.batch_size = batch_size
        self.average = average
        self.grey, self.span = (0.0, 1.0) if symmetric else (0.5, 0.5)
        self.p = settings.first_p
        self.signs: Tensor | float = 0.0  # sum over `images`
        self.steps = self.minibatches = self.images = 0

    def __call__(self, x_BCHW: Tensor) -> Tensor:
        """New images; the same tensor where p is 0 or nothing but a mirror is on."""
        if self.p == 0 or not self.settings.of_inputs:
            return x_BCHW
        return self.draw(len(x_BCHW))(x_BCHW)

    def draw(self, count: int) -> Transform:
        """A transform of `count` images, to be used more than once where two must be transformed alike."""
        u_BK = streams.uniform((count, DRAWS), self.stream)
        return Transform(self.settings, u_BK, self.p, self.grey, self.span)

    def before(self, add_noise: AddNoise) -> AddNoise:
        """Instance noise on augmented images."""
        return lambda images_BCHW, step: add_noise(self(images_BCHW), step)

    def alike(self, add_noise: AddNoise) -> Callable[[Tensor, Tensor, int], tuple[Tensor, Tensor]]:
        """The same of two minibatches, whose images of one row are augmented alike."""

        def both(x_BCHW: Tensor, y_BCHW: Tensor, step: int) -> tuple[Tensor, Tensor]:
            T = self.draw(len(x_BCHW))
            return add_noise(T(x_BCHW), step), add_noise(T(y_BCHW), step)

        return both

    def watch(self, logit_real_B: Tensor, k: int = 1) -> None:
        """Once an iteration, at D's logits for the last of its `k` minibatches of data: moves ADA's p where it is due
        (Karras 2020, section 3.1)."""
        ada = self.settings.ada
        if ada is None:
            return
        # kept on the device: it waits once in `every_steps`
        self.signs = self.signs + self.average(logit_real_B.detach().float().sign().sum())
        self.images += len(logit_real_B)
        self.steps += 1
        self.minibatches += k
        if self.steps == ada.every_steps:
            up = float(self.signs) / self.images > ada.target
            by = self.batch_size * self.minibatches / ada.images
            self.p = min(1.0, max(0.0, self.p + (by if up else -by)))
            self.signs, self.steps, self.minibatches, self.images = 0.0, 0, 0, 0

    def state_dict(self) -> dict:
        counted = {"steps": self.steps, "minibatches": self.minibatches, "images": self.images}
        return {"p": self.p, "signs": self.signs, **counted}

    def load_state_dict(self, state: dict) -> None:
        self.p, self.signs = state["p"], state["signs"]
        self.steps, self.minibatches = state["steps"], state["minibatches"]
        self.images = state["images"]


def mirrored(next_real: Callable[[], Real], stream: Generator) -> Callable[[], Real]:
    """Minibatches of data of which each image is flipped, left for right, with probability 1/2."""

    def flipped() -> Real:
        real = next_real()
        u_B = streams.uniform((len(real.images),), stream)
        flip_B111 = (u_B < 0.5)[:, None, None, None]
        return real._replace(images=torch.where(flip_B111, real.images.flip(3), real.images))

    return flipped
