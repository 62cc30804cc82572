"""The latent spaces of models that have one: a point of it is all that decides an image."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from pipeline.models.common import levels
from pipeline.models.common.layers import NoiseAndDropout
from pipeline.models.common.saved import SavedModel
from pipeline.models.flow.saved import Saved as SavedFlow
from pipeline.models.gan import interpolation, noise
from pipeline.models.gan.saved import Saved as SavedGan

# Shapes: N images, Z numbers of a point; images are NCHW.


@dataclass(frozen=True)
class Space:
    """What points are drawn from, and the images they stand for."""

    dim: int
    prior: str  # in a word
    std: float  # of the prior, in each coordinate
    has_tails: bool  # whether numbers of any size are drawn, so that `truncation` means something
    path: (
        str  # between points, a key of interpolation.PATHS: the one that stays typical of the prior
    )
    draw: Callable[[int, torch.Generator], Tensor]  # [N, Z]
    decode: Callable[[Tensor, Tensor | None], Tensor]  # [N, Z], labels [N] -> [N, C, H, W]
    net: nn.Module  # that `decode` uses, in evaluation mode
    chance: bool  # whether noise or dropout in layers makes images of one point differ
    start: Callable[[], None]  # that noise starts anew


def of(saved: SavedModel, weights: str) -> Space | None:
    """The space of a model; None for a family whose samples no point of a space stands for.

    `weights`: raw or ema. DataError if the model's file lacks them.
    """
    match saved:
        case SavedGan():
            return _of_gan(saved, weights)
        case SavedFlow():
            return _of_flow(saved, weights)
    return None


def _of_gan(saved: SavedGan, weights: Any) -> Space:
    G = saved.generator(weights)
    settings = saved.train.noise
    prior = noise.PRIORS[settings.prior]
    return Space(
        settings.dim,
        settings.prior,
        1.0,
        settings.prior == "gaussian",
        interpolation.path_of(settings.prior),
        lambda count, stream: prior((count, settings.dim), stream),
        G,
        G,
        bool(disturbances(G)),
        layers_start_again(G),
    )


def _of_flow(saved: SavedFlow, weights: str) -> Space:
    net = saved.net(weights)
    base, gaussian = net.base, net.alpha is not None
    return Space(
        net.features,
        "gaussian" if gaussian else "logistic",
        base.std,
        True,
        "great_circle" if gaussian else "line",
        lambda count, stream: base.draw((count, net.features), stream),
        lambda z_NZ, _: levels.quantized(net.from_base(z_NZ), saved.image_shape),
        net,
        False,
        lambda: None,
    )


def layers_start_again(net: nn.Module) -> Callable[[], None]:
    """Puts the stream of noise and dropout in layers of `net` back to where it is now."""
    found = [layer.stream for layer in disturbances(net)]
    states = [stream.get_state() for stream in found]

    def start() -> None:
        for stream, state in zip(found, states, strict=True):
            stream.set_state(state)

    return start


def disturbances(net: nn.Module) -> list[NoiseAndDropout]:
    """Layers of noise or dropout that are on when samples are drawn."""
    return [
        layer
        for layer in net.modules()
        if isinstance(layer, NoiseAndDropout)
        and (
            (layer.std > 0 and layer.noise_when_sampling)
            or (layer.rate > 0 and layer.dropout_when_sampling)
        )
    ]


def truncated(space: Space, count: int, stream: torch.Generator, limit: float) -> Tensor:
    """[count, Z], each coordinate drawn again until it is within `limit` standard deviations of 0.

    The truncation trick (Brock 2019, section 3.1): fewer kinds of images, and more typical ones.
    """
    z_NZ = space.draw(count, stream)
    while (outside_NZ := z_NZ.abs() > limit * space.std).any():
        rows = -(-int(outside_NZ.sum()) // space.dim)
        z_NZ[outside_NZ] = space.draw(rows, stream).flatten()[: int(outside_NZ.sum())]
    return z_NZ
