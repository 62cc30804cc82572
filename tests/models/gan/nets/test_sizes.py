"""Published numbers of parameters, and which sizes of images each net takes."""

import itertools

import pytest
import torch

from pipeline.config.models.gan.sizes import dcgan_maps, r3gan_maps, resnet_maps
from pipeline.config.models.gan.train import Train
from pipeline.config.params import load
from pipeline.errors import TrainingError
from pipeline.models.common import layers
from pipeline.models.gan import nets, pretraining
from tests.conftest import ROOT
from tests.models.gan.nets.pairs import (
    CONVOLUTIONAL,
    DCGAN,
    MLP,
    PROJECTION,
    R3GAN,
    RESNET,
    TINY,
    count,
    players,
    settings,
)

SGD = {"name": "sgd", "lr": 0.1}
UNIFORM = {"init": {"name": "uniform", "range": 0.05}, "optimizer": SGD}
D_MAXOUT = {"hidden": [1200, 1200], "activation": "maxout", **UNIFORM}
PUBLISHED = {
    "TFD": (
        (1, 48, 48),
        {"hidden": [8000, 8000], "activation": ["relu", "sigmoid"], "output": "sigmoid", **UNIFORM},
        D_MAXOUT,
        (83_250_304, 21_037_201),
    ),
    "CIFAR-10 fully connected": (
        (3, 32, 32),
        {"hidden": [8000, 8000], "activation": ["relu", "sigmoid"], "output": "linear", **UNIFORM},
        D_MAXOUT | {"hidden": [1600, 1600]},
        (89_395_072, 37_393_601),
    ),
    "CIFAR-10 convolutional": (
        (3, 32, 32),
        {"name": "deconv", "output": "linear", **UNIFORM},
        {"name": "maxout_conv", **UNIFORM},
        (64_825_072, 12_454_073),
    ),
}


def convolution(i: int, o: int, kernel: int = 3) -> int:
    return i * o * kernel**2 + o


def up_block(i: int, o: int) -> int:
    return 2 * (i + o) + convolution(i, o) + convolution(o, o) + convolution(i, o, 1)


def down_block(i: int, o: int) -> int:
    return convolution(i, i) + convolution(i, o) + convolution(i, o, 1)


WIDER = {
    "generator": {"filters": 64, "growth": 2},
    "discriminator": {"filters": 64, "growth": 2, "smallest_map": 4, "plain_blocks": 1},
}
FIRST = convolution(3, 64) + convolution(64, 64) + convolution(3, 64, 1)
RESNETS = {
    # by other implementations' count 4.28 and 1.05 million
    32: (
        {"generator": {"filters": 256}, "discriminator": {"filters": 128}},
        129 * 4096 + 3 * up_block(256, 256) + 2 * 256 + convolution(256, 3),
        convolution(3, 128)
        + convolution(128, 128)
        + convolution(3, 128, 1)
        + down_block(128, 128)
        + 4 * convolution(128, 128)
        + 129,
    ),
    48: (
        WIDER,
        129 * 512 * 36
        + sum(up_block(2 * o, o) for o in (256, 128, 64))
        + 2 * 64
        + convolution(64, 3),
        FIRST + sum(down_block(i, 2 * i) for i in (64, 128, 256, 512)) + 1025,
    ),
    128: (
        WIDER,
        129 * 1024 * 16
        + up_block(1024, 1024)
        + sum(up_block(2 * o, o) for o in (512, 256, 128, 64))
        + 2 * 64
        + convolution(64, 3),
        FIRST
        + sum(down_block(i, 2 * i) for i in (64, 128, 256, 512))
        + 2 * convolution(1024, 1024)
        + 1025,
    ),
}


@pytest.mark.parametrize("side", RESNETS)
def test_resnets_have_the_published_layers(side: int):
    """Miyato 2018, tables 3 to 6; counted by hand."""
    change, in_G, in_D = RESNETS[side]
    train = settings(RESNET, noise={"dim": 128}, **change)
    with torch.device("meta"):
        G = nets.generator_of(train, (3, side, side), 0, torch.Generator())
        D = nets.discriminator_of(train, (3, side, side), 0, torch.Generator())
    assert (count(G), count(D)) == (in_G, in_D)
    if side == 32:
        assert (in_G, in_D) == (4_276_739, 1_053_825)


def test_projection_and_conditional_batch_norm_have_their_numbers_of_parameters():
    """A vector of 128 for each class; 10 gains and biases in place of each, and no embedding."""
    plain, told = (
        settings(RESNET, noise={"dim": 128}, **RESNETS[32][0], **more) for more in ({}, PROJECTION)
    )
    with torch.device("meta"):
        numbers = [
            (
                count(nets.generator_of(train, (3, 32, 32), 10, torch.Generator())),
                count(nets.discriminator_of(train, (3, 32, 32), 10, torch.Generator())),
            )
            for train in (plain, told)
        ]
    of_norms = 7 * 2 * 256
    assert numbers[1] == (numbers[0][0] + 9 * of_norms, numbers[0][1] + 10 * 128)


def r3gan_blocks(filters: int) -> int:
    """Two, of 1 x 1, grouped 3 x 3 and 1 x 1 convolutions, the last without bias."""
    wide = 2 * filters
    return 2 * (convolution(filters, wide, 1) + convolution(16, wide) + wide * filters)


@pytest.mark.parametrize(
    ("side", "filters", "widths"),
    [(32, 768, [768] * 4), (256, 96, [96, 192, 384, *[768] * 4])],
    ids=["CIFAR-10", "FFHQ"],
)
def test_r3gan_has_the_published_layers(side: int, filters: int, widths: list[int]):
    """Huang 2024: widths 3/4 of 128 to 1,024, 16 filters a group; D's last unit has a bias here. Counted by hand."""
    change = {"filters": filters, "group": 16, "blocks": 2, "growth": 1 + (side > 32)}
    train = settings(R3GAN, noise={"dim": 64}, generator=change, discriminator=change)
    with torch.device("meta"):
        G = nets.generator_of(train, (3, side, side), 0, torch.Generator())
        D = nets.discriminator_of(train, (3, side, side), 0, torch.Generator())
    changes = sum(a * b for a, b in itertools.pairwise(widths) if a != b)
    same = sum(map(r3gan_blocks, widths)) + changes + 3 * widths[0] + 768 * 16
    assert (count(G), count(D)) == (same + 64 * 768, same + 768 + 1)


def test_filters_that_do_not_fall_into_groups_are_refused():
    with pytest.raises(ValueError, match="group is 16, which does not divide filters times exp"):
        settings(R3GAN, generator={"group": 16})


def test_layers_of_zeros_have_no_spectral_norm():
    change = {"spectral_norm": True}
    _, D = players(settings(R3GAN, discriminator=change), (1, 8, 8))
    assert D(torch.randn(2, 1, 8, 8)).isfinite().all()
    with pytest.raises(ValueError, match="spectral_norm does not go with the published init of r3"):
        settings(R3GAN, discriminator=change | {"init": {"name": "published"}})


@pytest.mark.parametrize("side", [64, 128, 256])
def test_dcgan_has_the_published_layers(side: int):
    """Radford 2016, figure 1: 1,024 filters at 4 x 4, half as many in each map after it down to 128."""
    train = settings(DCGAN, noise={"dim": 100}, generator={"filters": 128})
    with torch.device("meta"):
        G = nets.generator_of(train, (3, side, side), 0, torch.Generator())
    more = {64: 0, 128: 1, 256: 2}[side]  # of 1,024 filters before them
    ups = [(1024, 1024)] * more + [(1024, 512), (512, 256), (256, 128), (128, 3)]
    layers_of_G = 101 * 1024 * 16 + sum(convolution(i, o, 5) for i, o in ups)
    assert count(G) == layers_of_G + 2 * (1024 * (1 + more) + 512 + 256 + 128)


@pytest.mark.parametrize("name", PUBLISHED)
def test_the_authors_nets_have_their_published_numbers_of_parameters(name: str):
    shape, g, d, expected = PUBLISHED[name]
    train = Train.model_validate(
        {"steps": 1, "batch_size": 2, "noise": {"dim": 100}, "generator": g, "discriminator": d}
    )
    with torch.device("meta"):  # sizes without memory
        G = nets.generator_of(train, shape, 0, torch.Generator())
        D = nets.discriminator_of(train, shape, 0, torch.Generator())
    assert (count(G), count(D)) == expected


def test_the_authors_faces_have_their_published_numbers_of_parameters_in_either_game():
    """TFD: the last layers first, then all of G."""
    train = load(ROOT / "recipes/paper_cifar10_tfd.yaml").runs["tfd"].train
    counts = []
    for game in (pretraining.first_game(train), train):
        with torch.device("meta"):
            G = nets.generator_of(game, (1, 48, 48), 0, torch.Generator())
            D = nets.discriminator_of(game, (1, 48, 48), 0, torch.Generator())
        counts.append((game.steps // 980, count(G), count(D)))
    assert counts == [(50, 83_250_304, 21_037_201), (22, 84_858_404, 21_037_201)]


def test_the_authors_convolutions_give_the_published_maps():
    """33 -> 16 -> 15 -> 7 -> 9 -> 5: partial windows count."""
    train = Train.model_validate(
        {
            "steps": 1,
            "batch_size": 2,
            "generator": {"name": "deconv", "output": "linear", "hidden": [20, 8000], **UNIFORM},
            "discriminator": {"name": "maxout_conv", "hidden": [4], **UNIFORM},
        }
    )
    G, D = players(train, (3, 32, 32))
    sizes = []
    for layer in D.body.convolutions:
        if not isinstance(layer, layers.Dropout):
            layer.register_forward_hook(lambda _, __, out: sizes.append(out.shape[-1]))
    images = G(torch.randn(2, 100))
    assert images.shape == (2, 3, 32, 32)
    D(images)
    assert sizes == [33, 16, 15, 7, 9, 5]


def test_a_size_that_cannot_be_made_is_named():
    deconv = {"name": "deconv", "output": "linear", **TINY}
    for shape, expected in (
        ((3, 28, 28), "28 pixels cannot be made with kernel 5 and stride 3"),
        ((3, 35, 35), "images of 35 x 35 need 9,680 units in the last of hidden, which is 8,000"),
    ):
        with pytest.raises(TrainingError, match=expected):
            players(settings(MLP | {"generator": deconv}), shape)
    small = settings(MLP | {"discriminator": {"name": "maxout_conv", **TINY}})
    with pytest.raises(TrainingError, match="images of 8 x 8 are too small for its convolutions"):
        players(small, (1, 8, 8))
    for name, pair in CONVOLUTIONAL.items():
        smallest = 8 if name == "r3gan" else 16
        for side in (smallest - 1, 257):
            expected = f"net {name} is for images of {smallest} to 256 pixels a side, these have {side} x {side}"
            with pytest.raises(TrainingError, match=expected):
                players(settings(pair), (1, side, side))


VARIANTS = {
    **{
        f"dcgan, {up}, {down}": settings(DCGAN, generator={"up": up}, discriminator={"down": down})
        for up in ("transposed", "pixel_shuffle", "nearest")
        for down in ("strided", "average")
    },
    "dcgan, kernel 3": settings(DCGAN, generator={"kernel": 3}, discriminator={"kernel": 3}),
    "r3gan": settings(R3GAN, generator={"output": "tanh"}, discriminator={"growth": 2}),
    "resnet": settings(RESNET),
    "resnet, wider towards small maps": settings(
        RESNET,
        generator={"growth": 2, "norm": "none"},
        discriminator={"growth": 2, "smallest_map": 4, "plain_blocks": 1},
    ),
}


@pytest.mark.parametrize("variant", VARIANTS)
def test_convolutional_nets_make_and_judge_images_of_every_size(variant: str):
    squares = [(n, n) for n in (16, 17, 28, 31, 32, 48, 62, 64, 128, 256)]
    for height, width in [*squares, (20, 64), (64, 20), (16, 256)]:
        for channels in (1, 3):
            G, D = players(VARIANTS[variant], (channels, height, width))
            images = G(torch.randn(2, 8))
            assert images.shape == (2, channels, height, width)
            assert images.abs().max() <= 1
            assert D(images).shape == (2,)


def test_maps_halve_down_to_at_most_seven():
    assert [h for h, _ in dcgan_maps((1, 64, 64))] == [64, 32, 16, 8, 4]
    assert [h for h, _ in dcgan_maps((1, 28, 28))] == [28, 14, 7]
    assert [h for h, _ in dcgan_maps((3, 62, 62))] == [62, 31, 16, 8, 4]
    assert [h for h, _ in r3gan_maps((1, 8, 8))] == [8, 4]
    assert dcgan_maps((3, 100, 30)) == [(100, 30), (50, 15), (25, 8), (13, 4), (7, 2)]


def test_resnets_maps_are_as_published():
    """Miyato 2018, tables 3 to 6: G from 4 x 4 (6 x 6 for 48), D down to 8 x 8 (3 x 3, 4 x 4)."""
    G, D = (settings(RESNET).generator, settings(RESNET).discriminator)
    wide = settings(RESNET, discriminator={"smallest_map": 4}).discriminator
    for net, side, expected in (
        (G, 32, [32, 16, 8, 4]),
        (G, 48, [48, 24, 12, 6]),
        (G, 128, [128, 64, 32, 16, 8, 4]),
        (D, 32, [32, 16, 8]),
        (wide, 48, [48, 24, 12, 6, 3]),
        (wide, 128, [128, 64, 32, 16, 8, 4]),
    ):
        assert [h for h, _ in resnet_maps(net, (3, side, side))] == expected
