"""What the layers of the nets do."""

from functools import partial

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from pipeline.compute.streams import generator
from pipeline.models.common import layers
from pipeline.models.gan import nets
from pipeline.models.gan.nets import resampling, resnet
from pipeline.models.gan.training import Training
from tests.models.gan.nets.pairs import (
    CPU,
    DCGAN,
    MLP,
    PROJECTION,
    R3GAN,
    RESNET,
    players,
    settings,
)


def test_nearest_upsampling_repeats_every_pixel():
    x = torch.arange(4.0).view(1, 1, 2, 2)
    expected = torch.tensor([[0, 0, 1, 1], [0, 0, 1, 1], [2, 2, 3, 3], [2, 2, 3, 3.0]])
    assert torch.equal(resampling.Nearest()(x)[0, 0], expected)


@pytest.mark.parametrize(("small", "large"), [((3, 2), (6, 4)), ((3, 4), (5, 7))])
def test_bilinear_resampling_has_the_published_taps(small: tuple, large: tuple):
    """1, 3, 3, 1 each way, zeros around (Huang 2024); a row or column less is cut off, or as if it were 0."""
    taps = torch.tensor([1, 3, 3, 1.0])
    kernel = (torch.outer(taps, taps) / 64).expand(2, 1, 4, 4)
    layer = resampling.Bilinear(small, large)
    x, y = torch.randn(5, 2, *small), torch.randn(5, 2, *large)
    up = F.conv_transpose2d(x, 4 * kernel, stride=2, padding=1, groups=2)
    torch.testing.assert_close(layer.enlarge(x), up[..., : large[0], : large[1]])
    even = F.pad(y, (0, large[1] % 2, 0, large[0] % 2))
    down = F.conv2d(even, kernel, stride=2, padding=1, groups=2)
    torch.testing.assert_close(layer.reduce(y), down)


def test_r3gans_blocks_are_what_its_paper_draws_in_either_net():
    """The map changes its width at the smaller size, before upsampling and after downsampling."""
    width = {"growth": 2, "init": {"name": "normal", "std": 0.3}}
    G, D = players(settings(R3GAN, generator=width, discriminator=width), (1, 8, 8))

    def branch(block, x):
        first, grouped, last = block.residual
        return x + last(F.leaky_relu(grouped(F.leaky_relu(first(x), 0.2)), 0.2))

    z, x = torch.randn(3, 8), torch.randn(3, 1, 8, 8)
    body, (resample,) = G.body, G.body.resampling
    h = body.first.linear(z)[:, :, None, None] * body.first.weight
    assert h.shape == (3, 8, 4, 4)
    h = branch(body.blocks[0][0], h)
    h = branch(body.blocks[1][0], resample.enlarge(body.changes[0](h)))
    torch.testing.assert_close(G(z), body.last(h))
    body, (resample,) = D.body, D.body.resampling
    h = branch(body.blocks[0][0], body.first(x))
    h = branch(body.blocks[1][0], body.changes[0](resample.reduce(h)))
    features = (h * body.basis.weight[:, 0]).sum(dim=(2, 3))
    torch.testing.assert_close(D.judge(x).features, features)


def test_instance_norm_of_a_connected_layer_is_over_one_image():
    layer = layers.connected(5, 40, "relu", 1, "instance")
    x = torch.randn(3, 5)
    h = layer.norm(layer.linear(x))
    torch.testing.assert_close(h.mean(dim=1), torch.zeros(3), atol=1e-6, rtol=0)
    torch.testing.assert_close(layer(x)[:1], layer(x[:1]))


def test_virtual_batch_norm_does_not_mix_the_images_of_a_batch():
    train = settings(MLP, generator={"norm": "virtual_batch", "hidden": [12, 12]})
    G, _ = players(train, (1, 4, 4))
    G.refer_to(torch.randn(nets.REFERENCES, 8), None)
    z = torch.randn(5, 8)
    torch.testing.assert_close(G(z)[:2], G(z[:2]))
    one = G(z)
    G.refer_to(torch.randn(nets.REFERENCES, 8) * 3, None)
    assert not torch.allclose(one, G(z)), "the reference batch matters"


def test_virtual_batch_norm_is_by_the_reference_and_the_image_itself():
    norm = layers.VirtualBatchNorm(2)
    reference, x = torch.randn(9, 2), torch.randn(1, 2)
    norm(reference)
    both = torch.cat([reference, x])
    expected = (x - both.mean(dim=0)) / both.var(dim=0, correction=0).add(1e-5).sqrt()
    torch.testing.assert_close(norm(x), expected)


@pytest.mark.parametrize("low", [torch.bfloat16, torch.float16])
def test_virtual_batch_norm_of_16_bits_is_that_of_the_same_numbers_in_32(low: torch.dtype):
    """Far from 0, where a variance made of 16 bits is noise or 0, and where squares overflow in fp16."""
    stream = generator(0, "units")
    reference, x = (torch.randn(rows, 6, generator=stream) * 2 for rows in (9, 4))
    for mean in (30, 300):
        norm, same = layers.VirtualBatchNorm(6), layers.VirtualBatchNorm(6)
        shown = [(numbers + mean).to(low) for numbers in (reference, x)]
        found, expected = (
            [n(s), n(t)] for n, (s, t) in ((norm, shown), (same, map(torch.Tensor.float, shown)))
        )
        torch.testing.assert_close(found, expected)


def test_spectral_norm_brings_the_largest_singular_value_to_one():
    layer = layers.SpectralNorm(nn.Linear(6, 4))
    nn.init.normal_(layer.layer.weight, 0, 3)
    layer.left.normal_(generator=generator(0, "left"))
    for _ in range(100):
        layer(torch.zeros(1, 6))
    rows = layer(torch.eye(6)) - layer(torch.zeros(1, 6))
    assert torch.linalg.matrix_norm(rows, 2).item() == pytest.approx(1, abs=1e-3)


def test_only_training_moves_the_vector_of_spectral_norm():
    """Far from the singular vector, where every step of the iteration moves it."""
    layer = layers.SpectralNorm(nn.Linear(6, 4))
    nn.init.normal_(layer.layer.weight, 0, 3, generator=generator(0, "weight"))
    before = layer.left.clone()
    layer.eval()(torch.zeros(1, 6))
    assert torch.equal(before, layer.left)
    layer.train()(torch.zeros(1, 6))
    assert (before - layer.left).norm() > 0.1


def test_minibatch_discrimination_sees_how_near_the_others_are():
    layer = layers.MinibatchDiscrimination(3, kernels=2, dims=4)
    nn.init.normal_(layer.project.weight, 0, 1, generator=generator(0, "T"))
    f = torch.randn(5, 3)
    m = (f @ layer.project.weight.T).view(5, 2, 4)
    expected = torch.zeros(5, 2)
    for i in range(5):
        for j in range(5):
            if i != j:
                expected[i] += torch.exp(-(m[i] - m[j]).abs().sum(dim=1))
    torch.testing.assert_close(layer(f), torch.cat([f, expected - 1], dim=1))
    same = layer(f[:1].repeat(5, 1))[0, 3:]
    torch.testing.assert_close(same, torch.full((2,), 3.0))  # four others at distance 0, bias -1


def test_a_d_that_compares_images_gets_real_and_fake_apart():
    compare = {"minibatch_discrimination": {"kernels": 2, "dims": 2}}
    _, D = players(settings(MLP, discriminator=compare), (1, 4, 4))
    assert not D.image_by_image
    _, plain = players(settings(MLP), (1, 4, 4))
    assert plain.image_by_image


def test_dropout_in_g_stays_on_while_sampling_if_asked():
    """Tip 17: in training and in test."""
    z = torch.randn(3, 8)
    for kept in (True, False):
        change = {"dropout": 0.5, "dropout_when_sampling": kept, "hidden": [64, 64]}
        G, _ = players(settings(MLP, generator=change), (1, 4, 4))
        G.eval()
        assert torch.equal(G(z), G(z)) != kept
        G.train()
        assert not torch.equal(G(z), G(z))


@pytest.mark.parametrize("kept", [True, False])
def test_noise_on_gs_layers_has_the_stated_deviation_and_stays_while_sampling_if_asked(kept):
    noisy = layers.NoiseAndDropout(
        0.3,
        0.0,
        generator(0, "layers"),
        noise_when_sampling=kept,
        dropout_when_sampling=not kept,
    )
    h = torch.zeros(100, 1000)
    assert noisy(h).std().item() == pytest.approx(0.3, rel=0.02)
    assert noisy.eval()(h).std().item() == pytest.approx(0.3 if kept else 0.0, rel=0.02)


@pytest.mark.parametrize("base", [MLP, DCGAN, RESNET, R3GAN])
def test_every_g_keeps_its_noise_while_sampling_if_asked(base):
    z = torch.randn(3, 8)
    for kept in (True, False):
        change = {"noise_std": 0.5, "noise_when_sampling": kept}
        G, _ = players(settings(base, generator=change), (1, 16, 16))
        assert torch.equal(G.eval()(z), G(z)) != kept


def test_weights_into_a_unit_never_pass_the_largest_norm(tmp_path):
    """Also before the first step, and each piece of a maxout unit by itself (authors, TFD)."""
    change = {"max_column_norm": 0.5, "init": {"name": "normal", "std": 1.0}}
    train = settings(MLP, generator=change, discriminator=change | {"activation": "maxout"})
    game = Training(train, 0, torch.rand(40, 1, 4, 4), CPU)
    for _ in range(3):
        for player in (game.G, game.D):
            for layer in player.net.modules():
                if isinstance(layer, nn.Linear):
                    norms = torch.linalg.vector_norm(layer.weight, dim=1)
                    assert norms.max() <= 0.5 + 1e-6
        game.advance()


def test_a_residual_block_is_what_its_paper_draws():
    """The shortcut's 1 x 1 convolution and its resampling may change places."""
    up = resnet.UpBlock(3, 5, partial(layers.norm_of, layers.NORMS_2D, "none"))
    x = torch.randn(2, 3, 6, 4)
    h = up.residual[0](F.interpolate(F.relu(x), scale_factor=2))
    expected = up.residual[1](F.relu(h)) + up.shortcut(F.interpolate(x, scale_factor=2))
    torch.testing.assert_close(up(x, None), expected)
    for first in (True, False):
        down = resnet.DownBlock(3, 5, first=first, halves=True)
        h = down.residual[1](F.relu(down.residual[0](x if first else F.relu(x))))
        torch.testing.assert_close(down(x), F.avg_pool2d(h + down.shortcut(x), 2))


def test_the_resnets_d_sums_over_the_last_map():
    _, D = players(settings(RESNET), (1, 32, 32))
    maps = []
    D.body.layers.register_forward_hook(lambda _, __, out: maps.append(out))
    features = D.judge(torch.randn(3, 1, 32, 32)).features
    assert maps[0].shape == (3, 2, 8, 8)
    torch.testing.assert_close(features, F.relu(maps[0]).flatten(2).sum(dim=2))


@pytest.mark.parametrize("pair", [MLP, DCGAN, RESNET])
def test_spectral_norm_is_on_every_affine_map_of_d(pair: dict):
    change = (
        {"discriminator": {"spectral_norm": True}} | PROJECTION | {"generator": {"norm": "batch"}}
    )
    _, D = players(settings(pair, **change), (1, 28, 28), 3)
    affine = [m for m in D.modules() if isinstance(m, nn.Linear | nn.Conv2d)]
    normalized = [m for m in D.modules() if isinstance(m, layers.SpectralNorm)]
    assert len(affine) == len(normalized) > 2
    assert all(one.left.norm().item() == pytest.approx(1) for one in normalized)
