"""The least that a training step can cost here: its matrix products and convolutions, and its passes over weights.

Counted by hand for nets of layers, so that a step that computes more than it has to shows. Shapes: B images
of a minibatch, Z noise.
"""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor, nn

Work = Callable[[], object]


@dataclass(frozen=True)
class Layer:
    """An affine map without its bias: what its three products cost for so many images."""

    forward: Callable[[int], Work]
    of_weights: Callable[[int], Work]
    of_inputs: Callable[[int], Work]


def linear(inputs: int, outputs: int, dtype: torch.dtype) -> Layer:
    weight_OI = torch.randn(outputs, inputs).to(dtype)

    def product(a: Tensor, b: Tensor) -> Work:
        into = torch.empty(a.shape[0], b.shape[1], dtype=dtype)
        return lambda: torch.mm(a, b, out=into)

    def rows(count: int, width: int) -> Tensor:
        return torch.randn(count, width).to(dtype)

    return Layer(
        forward=lambda count: product(rows(count, inputs), weight_OI.T),
        of_weights=lambda count: product(rows(count, outputs).T, rows(count, inputs)),
        of_inputs=lambda count: product(rows(count, outputs), weight_OI),
    )


def convolution(layer: nn.Module, shape_CHW: tuple[int, ...], dtype: torch.dtype) -> Layer:
    """Of nn.Conv2d or nn.ConvTranspose2d on maps of `shape_CHW`."""
    layer = layer.to(dtype)
    transposed = isinstance(layer, nn.ConvTranspose2d)
    extra = layer.output_padding if transposed else (0, 0)

    def backward(count: int, wanted: list[bool]) -> Work:
        x_BCHW = torch.randn(count, *shape_CHW).to(dtype)
        with torch.no_grad():
            y_BCHW = torch.randn_like(layer(x_BCHW))
        return lambda: torch.ops.aten.convolution_backward(
            y_BCHW,
            x_BCHW,
            layer.weight,
            None,
            layer.stride,
            layer.padding,
            layer.dilation,
            transposed,
            extra,
            1,
            wanted,
        )

    def forward(count: int) -> Work:
        x_BCHW = torch.randn(count, *shape_CHW).to(dtype)
        return lambda: layer(x_BCHW)

    return Layer(
        forward=forward,
        of_weights=lambda count: backward(count, [False, True, False]),
        of_inputs=lambda count: backward(count, [True, False, False]),
    )


def products(update: str, G: list[Layer], D: list[Layer], batch: int) -> Work:
    """All products of a step of `update`, simultaneous or alternating, and nothing else.

    D learns from 2 B images. G's gradient passes through D for B of them; the gradient of z and, for D's own
    step, that of the images is not needed. Simultaneous: one pass back through D serves both players.
    """
    work = [layer.of_weights(2 * batch) for layer in D] + [layer.of_weights(batch) for layer in G]
    work += [layer.forward(2 * batch) for layer in D] + [layer.forward(batch) for layer in G]
    work += [layer.of_inputs(2 * batch) for layer in D[1:]]
    work += [layer.of_inputs(batch) for layer in G[1:]]
    work.append(D[0].of_inputs(batch))
    if update == "alternating":  # D's samples are others than G's, and D is another after its step
        work += [layer.forward(batch) for layer in [*G, *D]]
        work += [layer.of_inputs(batch) for layer in D[1:]]

    @torch.no_grad()
    def step() -> None:
        for one in work:
            one()

    return step


def passes(weights: int, dtype: torch.dtype) -> Work:
    """Bytes that an update of `weights` weights by fused Adam must move, as a plain copy.

    A weight, its gradient and two moments are read and all but the gradient written: 28 bytes; products in 16
    bits cast the gradient up and the weight down: 12 more.
    """
    half = (
        (28 if dtype == torch.float32 else 40) // 8 * weights
    )  # float32 numbers read, and as many written
    source, target = torch.zeros(half), torch.zeros(half)
    return lambda: target.copy_(source)
