"""The least that a training step can cost here: its matrix products and convolutions, and its passes over weights.

Counted by hand for nets of layers, so that a step that computes more than it has to shows. Shapes: B images
of a minibatch, Z noise.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace

import torch
from torch import Tensor, nn

Work = Callable[[], object]


@dataclass(frozen=True)
class Layer:
    """An affine map without its bias: what its products cost for so many images.

    `backward` takes what is wanted: the gradient of the inputs, that of the weights, or both at once.
    """

    forward: Callable[[int], Work]
    backward: Callable[[int, bool, bool], Work]
    is_first: bool = False  # takes z or the images


def first(layer: Layer) -> Layer:
    """`layer` as one that takes z or the images, whose gradient only G's step through D needs."""
    return replace(layer, is_first=True)


def linear(inputs: int, outputs: int, dtype: torch.dtype) -> Layer:
    weight_OI = torch.randn(outputs, inputs).to(dtype)

    def rows(count: int, width: int) -> Tensor:
        return torch.randn(count, width).to(dtype)

    def products(*pairs: tuple[Tensor, Tensor]) -> Work:
        found = [(a, b, torch.empty(a.shape[0], b.shape[1], dtype=dtype)) for a, b in pairs]
        return lambda: [torch.mm(a, b, out=into) for a, b, into in found]

    def backward(count: int, of_inputs: bool, of_weights: bool) -> Work:
        y = rows(count, outputs)
        return products(*[(y, weight_OI)] * of_inputs, *[(y.T, rows(count, inputs))] * of_weights)

    return Layer(lambda count: products((rows(count, inputs), weight_OI.T)), backward)


def convolution(
    layer: nn.Module, shape_CHW: tuple[int, ...], dtype: torch.dtype, layout: torch.memory_format
) -> Layer:
    """Of nn.Conv2d or nn.ConvTranspose2d on maps of `shape_CHW` that lie in memory as `layout` says.

    A layer that computes its products in another way than PyTorch's (pipeline/models/gan/nets/strided.py) is measured
    so, in its own layout.
    """
    layer = layer.to(dtype).to(memory_format=layout)  # type: ignore[call-overload]

    def maps(count: int) -> Tensor:
        return torch.randn(count, *shape_CHW).to(dtype).to(memory_format=layout)

    def backward(count: int, of_inputs: bool, of_weights: bool) -> Work:
        x_BCHW = maps(count).requires_grad_(of_inputs)
        wanted = [x_BCHW] * of_inputs + [layer.weight] * of_weights
        with torch.enable_grad():
            y_BCHW = layer(x_BCHW)
        gradient_BCHW = torch.randn_like(y_BCHW)
        return lambda: torch.autograd.grad(y_BCHW, wanted, gradient_BCHW, retain_graph=True)

    def forward(count: int) -> Work:
        x_BCHW = maps(count)
        return lambda: layer(x_BCHW)

    return Layer(forward, backward)


def products(update: str, G: list[Layer], D: list[Layer], batch: int) -> Work:
    """All products of a step of `update`, simultaneous or alternating, and nothing else.

    D learns from 2 B images. G's gradient passes through D for B of them; the gradient of z and, for D's own
    step, that of the images is not needed. Simultaneous: one pass back through D serves both players.
    """
    work = [layer.forward(2 * batch) for layer in D] + [layer.forward(batch) for layer in G]
    for layers, count in ((D, 2 * batch), (G, batch)):
        work += [layer.backward(count, not layer.is_first, True) for layer in layers]
    work += [layer.backward(batch, True, False) for layer in D if layer.is_first]
    if update == "alternating":  # D's samples are others than G's, and D is another after its step
        work += [layer.forward(batch) for layer in [*G, *D]]
        work += [layer.backward(batch, True, False) for layer in D if not layer.is_first]

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
