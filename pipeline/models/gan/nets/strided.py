"""Convolutions of stride 2 that double or halve images and maps, fast on a CPU.

PyTorch's own, of oneDNN, take several times what their products cost where they give images of few channels: in G's
last layer, and in the gradient that D gives G. On large maps they compute with the channels last in memory, and copy
maps of another order before and after. On other devices PyTorch's operations stay as they are.
"""

from typing import Any, cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn

# Shapes: B batch; m maps [B, I, h, w], x images or maps of twice their size [B, C, H, W]; K kernel.

FIRST, LAST = torch.contiguous_format, torch.channels_last
MOST_CHANNELS = 4  # of images: three of colour, one that tells D the class


def up(inputs: int, outputs: int, kernel: int) -> nn.ConvTranspose2d:
    """A transposed convolution that doubles height and width."""
    kind = ToImages if outputs <= MOST_CHANNELS else Up
    return kind(inputs, outputs, kernel, stride=2, padding=kernel // 2, output_padding=1)


def down(inputs: int, outputs: int, kernel: int) -> nn.Conv2d:
    """A convolution that halves height and width, rounded up."""
    kind = OfImages if inputs <= MOST_CHANNELS else Down
    return kind(inputs, outputs, kernel, stride=2, padding=kernel // 2)


class Up(nn.ConvTranspose2d):
    def forward(self, m: Tensor, output_size: list[int] | None = None) -> Tensor:
        return super().forward(in_order(m, fastest(m, self.out_channels)), output_size)


class Down(nn.Conv2d):
    def forward(self, x: Tensor) -> Tensor:
        return super().forward(in_order(x, fastest(x, self.out_channels)))


class ToImages(nn.ConvTranspose2d):
    def forward(self, m: Tensor, output_size: list[int] | None = None) -> Tensor:
        if m.device.type != "cpu":
            return super().forward(m, output_size)
        dtype = self.weight.dtype  # 16 bits where products are in 16 bits
        size = torch.Size([2 * length for length in m.shape[2:]])
        with torch.autocast("cpu", enabled=False):
            x = cast(Tensor, Enlarge.apply(m.to(dtype), self.weight, size))
            return x if self.bias is None else x + self.bias.to(dtype).view(-1, 1, 1)


class OfImages(nn.Conv2d):
    def forward(self, x: Tensor) -> Tensor:
        if x.device.type != "cpu":
            return super().forward(x)
        dtype = self.weight.dtype
        bias = None if self.bias is None else self.bias.to(dtype)
        with torch.autocast("cpu", enabled=False):
            x = x.to(dtype, memory_format=LAST)
            return cast(Tensor, Shrink.apply(x, self.weight, bias))


class Shrink(torch.autograd.Function):
    """x, weight [I, C, K, K], bias [I] or None -> m: F.conv2d; the gradient of x is `Enlarge`'s."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
        ctx.save_for_backward(x, weight)
        return F.conv2d(x, weight, bias, 2, weight.shape[-1] // 2)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, ...]:  # type: ignore[override]
        x, weight = ctx.saved_tensors
        wanted = ctx.needs_input_grad
        of_x = Enlarge.apply(gradient, weight, x.shape[2:]) if wanted[0] else None
        return cast(Any, of_x), *of_weights(x, gradient, weight, *wanted[1:])


class Enlarge(torch.autograd.Function):
    """m, weight [I, C, K, K], size H, W -> x: F.conv_transpose2d; the gradient of m is `Shrink`'s."""

    @staticmethod
    def forward(ctx: Any, m: Tensor, weight: Tensor, size: torch.Size) -> Tensor:
        ctx.save_for_backward(m, weight)
        height, width = size
        return enlarged(m, weight)[..., :height, :width]

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, ...]:  # type: ignore[override]
        m, weight = ctx.saved_tensors
        gradient = gradient.to(memory_format=LAST)
        of_m = Shrink.apply(gradient, weight, None) if ctx.needs_input_grad[0] else None
        of_weight, _ = of_weights(gradient, m, weight, ctx.needs_input_grad[1])
        return cast(Any, of_m), of_weight, None


def of_weights(
    x: Tensor, of_m: Tensor, weight: Tensor, wanted: bool, bias: bool = False
) -> tuple[Tensor | None, Tensor | None]:
    """Gradients of the weight and of I biases of a convolution of `x`, from that of its output; as far as wanted."""
    if not (wanted or bias):
        return None, None
    settings = ([2, 2], [weight.shape[-1] // 2] * 2, [1, 1], False, [0, 0], 1)
    _, of_weight, of_bias = torch.ops.aten.convolution_backward(
        of_m, x, weight, [len(weight)], *settings, [False, wanted, bias]
    )
    return of_weight, of_bias


def enlarged(m: Tensor, weight: Tensor) -> Tensor:
    """The transposed convolution, [B, C, 2h, 2w], by one of stride 1 on the small maps.

    Each of the 2 x 2 pixels in place of one has its own taps of the kernel, and is a channel of that convolution
    (Shi 2016, section 3.2).
    """
    inputs, channels, kernel, _ = weight.shape
    # tap t of output pixel 2 i + a belongs to input pixel i + (a + kernel // 2 - t) / 2
    taps, before = kernel // 2 + 1, kernel // 2 % 2
    even = F.pad(weight, (before, 1 - before, before, 1 - before))
    split = even.view(inputs, channels, taps, 2, taps, 2).flip(2, 4)
    phases = split.permute(1, 3, 5, 0, 2, 4).reshape(4 * channels, inputs, taps, taps)
    y = F.conv2d(m, phases, padding=taps // 2)
    return F.pixel_shuffle(y[..., before:, before:], 2)


def fastest(m: Tensor, outputs: int) -> torch.memory_format:
    """The order in memory for a convolution of `m` to so many channels.

    With the channels last, the weights are copied to that order for each product. So they should be fewer than the
    pixels.
    """
    return LAST if m.shape[2] * m.shape[3] > outputs else FIRST


def in_order(m: Tensor, order: torch.memory_format) -> Tensor:
    """On a CPU `m` in this order in memory; elsewhere `m`."""
    if m.device.type != "cpu" or m.is_contiguous(memory_format=order):
        return m
    return cast(Tensor, Arranged.apply(m, order))


class Arranged(torch.autograd.Function):
    """Maps in another order in memory; their gradient goes back in the order that they came in."""

    @staticmethod
    def forward(ctx: Any, m: Tensor, order: torch.memory_format) -> Tensor:
        ctx.before = LAST if m.is_contiguous(memory_format=LAST) else FIRST
        return m.contiguous(memory_format=order)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None]:  # type: ignore[override]
        return cast(Tensor, Arranged.apply(gradient, ctx.before)), None
