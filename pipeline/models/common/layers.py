"""Layers that nets are made of."""

from collections.abc import Callable
from functools import reduce
from typing import cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from pipeline.compute import streams

# Shapes: B batch, I inputs of a layer, U units, P pieces of a maxout unit.

ACTIVATIONS: dict[str, Callable[[Tensor], Tensor]] = {
    "relu": F.relu,
    "leaky_relu": lambda x: F.leaky_relu(x, 0.2),
    "tanh": torch.tanh,
    "sigmoid": torch.sigmoid,
    "softplus": F.softplus,
}


class Dropout(nn.Module):
    """Sets a share `rate` of the inputs to 0 and scales the others by 1 / (1 - rate), in training.

    Unlike nn.Dropout it draws from a stream of its own, which a checkpoint can hold.
    """

    def __init__(self, rate: float, stream: torch.Generator):
        super().__init__()
        self.rate = rate
        self.stream = stream

    def forward(self, x_BI: Tensor) -> Tensor:
        if not self.training or self.rate == 0:
            return x_BI
        return dropped(x_BI, self.rate, self.stream)


def dropped(x: Tensor, rate: float, stream: torch.Generator) -> Tensor:
    """`x` with a share `rate` of it set to 0 and the rest scaled up."""
    keep = 1 - rate
    # several times faster than bernoulli_; a comparison in place gives 0 and 1 without a pass over booleans
    kept = streams.uniform(x.shape, stream).lt_(keep)
    return x * kept.to(x.dtype).div_(keep)


class Maxout(torch.autograd.Function):
    """The largest of P pieces, [B, P * U] -> [B, U]; piece p of unit u is column p * U + u.

    The gradient goes to the largest piece, the first of equal ones. Pieces are columns U apart, so that
    whole rows are compared at a time: three times as fast as amax over neighbouring columns.
    """

    @staticmethod
    def forward(ctx, h_BPU: Tensor, pieces: int) -> Tensor:
        largest_BU = reduce(torch.maximum, h_BPU.chunk(pieces, dim=1))
        ctx.save_for_backward(h_BPU, largest_BU)
        ctx.pieces = pieces
        return largest_BU

    @staticmethod
    def backward(ctx, gradient_BU: Tensor) -> tuple[Tensor, None]:  # type: ignore[override]
        h_BPU, largest_BU = ctx.saved_tensors
        parts = []
        for h_BU in h_BPU.chunk(ctx.pieces, dim=1):
            # the gradient where h - largest is 0, nothing where it is less; vectorised also in bf16
            part_BU = torch.ops.aten.threshold_backward(gradient_BU, h_BU - largest_BU, -1e-30)
            parts.append(part_BU)
            gradient_BU = gradient_BU - part_BU
        return torch.cat(parts, dim=1), None


class Hidden(nn.Module):
    """Affine map, norm, nonlinearity; for maxout the largest of `pieces` affine maps.

    Serves fully connected and convolutional maps alike: units are the second axis of either. `labels_B`
    are for a norm that is told the class.
    """

    def __init__(self, affine: nn.Module, norm: nn.Module, activation: str, pieces: int = 1):
        super().__init__()
        self.pieces = pieces
        self.activation = ACTIVATIONS.get(activation)
        self.linear = affine
        self.norm = norm

    def forward(self, x: Tensor, labels_B: Tensor | None = None) -> Tensor:
        h = normalized(self.norm, self.linear(x), labels_B)
        if self.activation is not None:
            return self.activation(h)
        return cast(Tensor, Maxout.apply(h, self.pieces))


def connected(
    inputs: int, units: int, activation: str, pieces: int, norm: str, classes: int = 0
) -> Hidden:
    """A fully connected hidden layer; `classes`: that its norm is told, see `norm_of`."""
    pieces = pieces if activation == "maxout" else 1
    affine = nn.Linear(inputs, units * pieces)
    return Hidden(affine, norm_of(NORMS_1D, norm, units * pieces, classes), activation, pieces)


class NoiseAndDropout(nn.Module):
    """On a hidden layer of G: Gaussian noise of deviation `std` (ganhacks 13), then dropout of a share
    `rate` (ganhacks 17). Always on in training; in evaluation mode as the two flags say."""

    def __init__(
        self,
        std: float,
        rate: float,
        stream: torch.Generator,
        *,
        noise_when_sampling: bool,
        dropout_when_sampling: bool,
    ):
        super().__init__()
        self.std, self.rate = std, rate
        self.noise_when_sampling = noise_when_sampling
        self.dropout_when_sampling = dropout_when_sampling
        self.stream = stream

    def forward(self, h: Tensor) -> Tensor:
        if self.std > 0 and (self.training or self.noise_when_sampling):
            h = h + self.std * streams.normal(h.shape, self.stream)
        if self.rate > 0 and (self.training or self.dropout_when_sampling):
            h = dropped(h, self.rate, self.stream)
        return h


class VirtualBatchNorm(nn.Module):
    """Normalises [B, U] by a fixed reference batch and the example itself, so that no other example of the
    batch matters (Salimans 2016). While `reference` is None, the next batch becomes the reference.

    In float32 at least: of 16 bits, the mean square less the squared mean leaves no variance far from 0."""

    def __init__(self, units: int, eps: float = 1e-5):
        super().__init__()
        self.weight = nn.Parameter(torch.ones(units))
        self.bias = nn.Parameter(torch.zeros(units))
        self.eps = eps
        self.reference: tuple[int, Tensor, Tensor] | None = None  # size, mean, mean square

    def forward(self, h_BU: Tensor) -> Tensor:
        h_BU = h_BU.to(torch.promote_types(h_BU.dtype, torch.float32))
        if self.reference is None:
            self.reference = (len(h_BU), h_BU.mean(dim=0), h_BU.square().mean(dim=0))
            mean, square = self.reference[1:]
        else:
            count, mean_U, square_U = self.reference
            share = 1 / (count + 1)
            mean = (1 - share) * mean_U + share * h_BU
            square = (1 - share) * square_U + share * h_BU.square()
        scaled = (h_BU - mean) * torch.rsqrt((square - mean.square()).clamp_min(0) + self.eps)
        return scaled * self.weight + self.bias


class ConditionalBatchNorm(nn.Module):
    """BatchNorm with a gain and a bias for each class (Dumoulin 2017), at first 1 and 0.

    Takes [B, U], maps [B, U, H, W] and maps that are flat, [B, U * H * W].
    """

    def __init__(self, units: int, classes: int):
        super().__init__()
        self.norm = nn.BatchNorm1d(units, affine=False)
        self.weight = nn.Parameter(torch.ones(classes, units))
        self.bias = nn.Parameter(torch.zeros(classes, units))

    def forward(self, h: Tensor, labels_B: Tensor) -> Tensor:
        h_BUL = self.norm(h.flatten(1).unflatten(1, (self.weight.shape[1], -1)))
        gain_BU1 = F.embedding(labels_B, self.weight)[:, :, None]
        bias_BU1 = F.embedding(labels_B, self.bias)[:, :, None]
        return (h_BUL * gain_BU1 + bias_BU1).to(h.dtype).view(h.shape)


def normalized(norm: nn.Module, h: Tensor, labels_B: Tensor | None) -> Tensor:
    """`norm` of `h`, told the labels if it is for that."""
    return norm(h, labels_B) if isinstance(norm, ConditionalBatchNorm) else norm(h)


def norm_of(
    table: dict[str, Callable[[int], nn.Module]], name: str, units: int, classes: int = 0
) -> nn.Module:
    """The norm `name` of `table`; BatchNorm with gains and biases for each of so many `classes`, if any."""
    return ConditionalBatchNorm(units, classes) if classes else table[name](units)


NORMS_1D: dict[str, Callable[[int], nn.Module]] = {
    "none": lambda units: nn.Identity(),
    "batch": nn.BatchNorm1d,
    "instance": nn.LayerNorm,
    "virtual_batch": VirtualBatchNorm,
}
NORMS_2D: dict[str, Callable[[int], nn.Module]] = {
    "none": lambda channels: nn.Identity(),
    "batch": nn.BatchNorm2d,
    "instance": lambda channels: nn.InstanceNorm2d(channels, affine=True),
}


class SpectralNorm(nn.Module):
    """`layer` with its weight divided by its largest singular value, estimated by one power iteration a
    pass (Miyato 2018, algorithm 1). The singular vector is a buffer; evaluation mode does not change it."""

    def __init__(self, layer: nn.Linear | nn.Conv2d):
        super().__init__()
        self.layer = layer
        self.left: Tensor
        self.register_buffer("left", F.normalize(torch.ones(len(layer.weight)), dim=0))

    def forward(self, x: Tensor) -> Tensor:
        weight = self.layer.weight
        with torch.autocast(weight.device.type, enabled=False):
            matrix_UI = weight.flatten(1).float()
            left_U = self.left
            with torch.no_grad():
                right_I = F.normalize(matrix_UI.T @ left_U, dim=0)
                left_U = F.normalize(matrix_UI @ right_I, dim=0)
                if self.training:
                    self.left = left_U
            largest = left_U @ (matrix_UI @ right_I)
        scaled = (weight / largest).to(weight.dtype)
        return torch.func.functional_call(self.layer, {"weight": scaled}, (x,))


class MinibatchDiscrimination(nn.Module):
    """Features [B, F] -> [B, F + kernels]: beside its own, how near each image is to the others.

    o_b(i) = sum over j != i of exp(-|M_ib - M_jb|_1), M = f T (Salimans 2016, section 3.2).
    """

    def __init__(self, features: int, kernels: int, dims: int):
        super().__init__()
        self.shape = (kernels, dims)
        self.project = nn.Linear(features, kernels * dims, bias=False)
        self.bias = nn.Parameter(torch.full((kernels,), -1.0))  # Salimans's code

    def forward(self, features_BF: Tensor) -> Tensor:
        m_BKC = self.project(features_BF).float().unflatten(1, self.shape)
        distance_BBK = (m_BKC[:, None] - m_BKC[None]).abs().sum(dim=3)
        nearness_BK = torch.exp(-distance_BBK).sum(dim=1) - 1  # without itself
        return torch.cat([features_BF, nearness_BK + self.bias], dim=1)
