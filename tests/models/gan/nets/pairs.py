"""Pairs of nets, small enough to take steps in milliseconds."""

import torch
from torch import nn

from pipeline.compute.streams import generator
from pipeline.config.models.gan.train import Train
from pipeline.models.gan import nets

CPU = torch.device("cpu")
TINY = {"init": {"name": "normal", "std": 0.02}, "optimizer": {"name": "adam", "lr": 1e-3}}
DCGAN = {"generator": {"name": "dcgan", "filters": 2, "output": "tanh", **TINY}} | {
    "discriminator": {"name": "dcgan", "filters": 2, **TINY}
}
RESNET = {"generator": {"name": "resnet", "filters": 2, "output": "tanh", **TINY}} | {
    "discriminator": {"name": "resnet", "filters": 2, **TINY}
}
WIDTH = {"filters": 4, "group": 4, "blocks": 1}
R3GAN = {"generator": {"name": "r3gan", "output": "linear", **WIDTH, **TINY}} | {
    "discriminator": {"name": "r3gan", **WIDTH, **TINY}
}
MLP = {
    "generator": {"hidden": [12], "activation": "relu", "output": "tanh", **TINY},
    "discriminator": {"hidden": [12], "activation": "leaky_relu", **TINY},
}


CONVOLUTIONAL = {"dcgan": DCGAN, "resnet": RESNET, "r3gan": R3GAN}
CONDITIONAL = {"conditional": {"embedding": 6}}
PROJECTION = {"conditional": {"generator": "batch_norm", "discriminator": "projection"}}


def settings(base: dict, **changes) -> Train:
    """`base` with `changes`; those of `generator` and `discriminator` are merged into its own."""
    train = {"steps": 20, "batch_size": 12, "noise": {"dim": 8}} | base | changes
    for player in ("generator", "discriminator"):
        train[player] = base[player] | changes.get(player, {})
    return Train.model_validate(train)


def players(train: Train, shape: tuple, classes: int = 0):
    G = nets.generator_of(train, shape, classes, generator(0, "layers"))
    D = nets.discriminator_of(train, shape, classes, generator(0, "dropout"))
    nets.initialize(G, G.last, train.generator, generator(0, "G"))
    nets.initialize(D, D.last, train.discriminator, generator(0, "D"))
    return G, D


def count(net: nn.Module) -> int:
    return sum(p.numel() for p in net.parameters())
