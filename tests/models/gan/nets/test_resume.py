"""Every kind of net resumes bit for bit."""

import pytest
import torch

from pipeline.compute.streams import generator
from pipeline.models.gan.training import Training
from tests.models.gan.nets.pairs import (
    CONDITIONAL,
    CPU,
    DCGAN,
    MLP,
    PROJECTION,
    R3GAN,
    RESNET,
    TINY,
    settings,
)

KINDS = {
    "dcgan": settings(DCGAN),
    "dcgan, other layers": settings(
        DCGAN,
        generator={"up": "pixel_shuffle", "norm": "instance", "activation": "leaky_relu"},
        discriminator={"down": "average", "norm": "none", "spectral_norm": True},
    ),
    "resnet, conditional, simultaneous, average": settings(
        RESNET,
        **PROJECTION,
        update="simultaneous",
        ema={"name": "exponential", "decay": 0.9},
        generator={"noise_std": 0.1},
        discriminator={"dropout_hidden": 0.2},
    ),
    "dcgan, projection, r1": settings(DCGAN, **PROJECTION, r1={"gamma": 1, "every_steps": 2}),
    "resnet, bf16": settings(RESNET, **PROJECTION, precision="bf16"),
    "resnet, fp16": settings(RESNET, precision="fp16"),
    "r3gan, as published": settings(
        R3GAN,
        loss="relativistic",
        r1={},
        r2={},
        conditional={"discriminator": "projection"},
        generator={"init": {"name": "published"}, "noise_std": 0.1},
        discriminator={"init": {"name": "published"}, "dropout_hidden": 0.2},
    ),
    "r3gan, bf16, simultaneous": settings(R3GAN, precision="bf16", update="simultaneous"),
    "mlp, projection": settings(MLP, **PROJECTION, generator={"norm": "batch"}),
    "the authors' convolutions": settings(
        MLP
        | {
            "generator": {
                "name": "deconv",
                "hidden": [9, 128],
                "channels": 2,
                "stride": 2,
                "kernel": 4,
                "output": "linear",
                **TINY,
            },
            "discriminator": {
                "name": "maxout_conv",
                "hidden": [6],
                "convolutions": [{"channels": 2, "kernel": 5, "pad": 2, "pool": 4}],
                "dropout_input": 0.2,
                "dropout_hidden": 0.5,
                **TINY,
            },
        },
        update="simultaneous",
    ),
    "conditional": settings(MLP, **CONDITIONAL),
    "auxiliary classifier": settings(
        MLP, conditional={"discriminator": False}, auxiliary_classifier={"weight": 0.5}
    ),
    "virtual batch norm": settings(MLP, generator={"norm": "virtual_batch"}),
    "noise and dropout in G": settings(MLP, generator={"noise_std": 0.1, "dropout": 0.5}),
    "minibatch discrimination": settings(
        MLP, discriminator={"minibatch_discrimination": {"kernels": 3, "dims": 2}}
    ),
    "spectral norm": settings(MLP, discriminator={"spectral_norm": True}),
    "largest norm, bf16": settings(
        MLP,
        generator={"max_column_norm": 0.1},
        discriminator={"max_column_norm": 0.1},
        precision="bf16",
    ),
}


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_of_net_resumes_bit_for_bit(kind: str, tmp_path):
    images = torch.rand(50, 1, 18, 18, generator=generator(0, "images")) * 2 - 1
    labels = torch.arange(50) % 3

    def fresh() -> Training:
        return Training(KINDS[kind], 0, images, CPU, labels)

    whole, first, second = fresh(), fresh(), fresh()
    for _ in range(7):
        whole.advance()
    for _ in range(3):
        first.advance()
    torch.save(first.state_dict(), tmp_path / "checkpoint.pt")
    second.load_state_dict(torch.load(tmp_path / "checkpoint.pt", weights_only=True))
    for _ in range(4):
        second.advance()
    expected, found = whole.weights(), second.weights()
    assert expected.keys() == found.keys()
    for name in expected:
        assert torch.equal(expected[name], found[name]), name
    assert all(weights.isfinite().all() for weights in expected.values())
