"""A game before its first step, built from settings: nets with their first weights, players and rules."""

from collections.abc import Callable

import torch
from torch import Tensor, nn

from pipeline.compute import devices
from pipeline.compute.parallel import World, synchronize_norms
from pipeline.compute.scaling import LossScale
from pipeline.compute.streams import Streams, normal
from pipeline.config.models.gan.nets import Discriminators, Generators, MlpGenerator
from pipeline.config.models.gan.train import Train
from pipeline.models.common.batches import Real
from pipeline.models.common.player import Player
from pipeline.models.common.start import State, take, under
from pipeline.models.gan import noise
from pipeline.models.gan.game import assemble, hybrids
from pipeline.models.gan.game.updates import Game
from pipeline.models.gan.nets import (
    REFERENCES,
    Discriminator,
    Encoder,
    Generator,
    discriminator_of,
    generator_of,
    initialize,
    start_at_the_mean,
)
from pipeline.models.gan.noise import Latent


def new_game(
    settings: Train,
    image_shape: tuple[int, ...],
    classes: int,
    mean_CHW: Tensor,
    next_real: Callable[[], Real],
    device: torch.device,
    streams: Streams,
    world: World,
    scale: LossScale | None,
    precision: str,
    last_layers: dict[str, Tensor] | None,
    start: State | None,
) -> tuple[Game, hybrids.Coder | None]:
    """The game, and the encoder of a hybrid.

    `image_shape`: C, H, W; `classes`: number of labels of the data, 0 if there are none; `mean_CHW`: the
    mean training image in [-1, 1]; `next_real`: the next minibatch, in the range that the nets work in;
    `scale`: of the losses in fp16; `precision`: of matrix products, not `auto`; `last_layers`: initial weights of some of the layers of G's body;
    `start`: initial weights and buffers of all nets, under the names of a model file.

    On several devices each rank builds the same of the same arguments but its own `world` and `streams`.
    """

    def player(
        net: nn.Module, of: Generators | Discriminators, max_weight: float | None = None
    ) -> Player:
        return new_player(settings, net, of, world, scale, precision, max_weight)

    def next_latent(count: int) -> Latent:
        return noise.draw_for(settings, count, streams["noise"], classes)

    G, D = first_nets(settings, image_shape, classes, mean_CHW, device, streams)
    if last_layers:
        G.body.load_state_dict(last_layers, strict=False)
    begin(G, "generator.", start)
    begin(D, "discriminator.", start)
    coder = None
    if settings.autoencoder:
        E = first_encoder(settings, image_shape, device, streams)
        begin(E, "encoder.", start)
        coder = hybrids.Coder(
            settings.autoencoder,
            player(E, settings.autoencoder.encoder),
            normal_like(streams["encoder"]),
        )
    game = assemble.game(
        settings,
        G=player(G, settings.generator),
        D=player(D, settings.discriminator, settings.weight_clip),
        next_real=next_real,
        next_latent=next_latent,
        judge=devices.compiled(D.judge) if settings.compile else D.judge,
        image_by_image=D.image_by_image,
        streams=streams,
        coder=coder,
    )
    return game, coder


def first_nets(
    settings: Train,
    image_shape: tuple[int, ...],
    classes: int,
    mean_CHW: Tensor,
    device: torch.device,
    streams: Streams,
) -> tuple[Generator, Discriminator]:
    """G and D with their first weights."""
    G = generator_of(settings, image_shape, classes, streams["layers"]).to(device)
    D = discriminator_of(settings, image_shape, classes, streams["dropout"]).to(device)
    net, stream = settings.generator, streams["init"]
    initialize(G, G.last, net, stream)
    initialize(D, D.last, settings.discriminator, stream)
    if isinstance(net, MlpGenerator) and net.output_bias == "data":
        start_at_the_mean(G.body.last, net, mean_CHW)
    G.refer_to(*noise.draw_for(settings, REFERENCES, stream, classes))
    return G, D


def begin(net: nn.Module, prefix: str, start: State | None) -> None:
    """Give `net` what `start` has for it under `prefix`."""
    state = under(start, prefix)
    if state is not None:
        take(net, state)


def first_encoder(
    settings: Train, image_shape: tuple[int, ...], device: torch.device, streams: Streams
) -> Encoder:
    """E of a hybrid with its first weights."""
    assert settings.autoencoder is not None
    net = settings.autoencoder.encoder
    E = Encoder(net, settings.noise.dim, image_shape, streams["dropout"]).to(device)
    initialize(E, E.last, net, streams["init"])
    return E


def normal_like(stream: torch.Generator) -> Callable[[Tensor], Tensor]:
    """Standard normal numbers from `stream` in the shape of a tensor."""
    return lambda like: normal(like.shape, stream)


def new_player(
    settings: Train,
    net: nn.Module,
    of: Generators | Discriminators,
    world: World,
    scale: LossScale | None,
    precision: str,
    max_weight: float | None,
) -> Player:
    """A player around `net`, which is changed in place, with the optimiser of its settings `of`; `max_weight`: as of
    `Player`."""
    if settings.sync_batch_norm:
        synchronize_norms(net, world)
    if settings.compile:
        net.forward = devices.compiled(net.forward)  # type: ignore[method-assign]
    return Player(net, of.optimizer, precision, of.max_column_norm, world, scale, max_weight)
