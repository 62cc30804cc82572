"""Every kind of net: its published size, what its layers do, and that it resumes bit for bit."""

import math

import pytest
import torch
from torch import nn

from pipeline.compute.streams import generator
from pipeline.config.models.gan.nets import (
    MlpGenerator,
    NormalInit,
    OrthogonalInit,
    SparseInit,
    XavierInit,
)
from pipeline.config.models.gan.sizes import dcgan_maps
from pipeline.config.models.gan.tips import AuxiliaryClassifier
from pipeline.config.models.gan.train import Train
from pipeline.config.params import load
from pipeline.errors import TrainingError
from pipeline.models.common import layers
from pipeline.models.gan import nets, pretraining
from pipeline.models.gan.nets import dcgan, initial
from pipeline.models.gan.training import Training
from tests.conftest import ROOT

CPU = torch.device("cpu")
SGD = {"name": "sgd", "lr": 0.1}
TINY = {"init": {"name": "normal", "std": 0.02}, "optimizer": {"name": "adam", "lr": 1e-3}}
DCGAN = {"generator": {"name": "dcgan", "filters": 2, "output": "tanh", **TINY}} | {
    "discriminator": {"name": "dcgan", "filters": 2, **TINY}
}
MLP = {
    "generator": {"hidden": [12], "activation": "relu", "output": "tanh", **TINY},
    "discriminator": {"hidden": [12], "activation": "leaky_relu", **TINY},
}


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
    train = load(ROOT / "recipes/paper.yaml").runs["tfd"].train
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
    for side in (8, 65):
        with pytest.raises(
            TrainingError, match=f"16 to 64 pixels a side, these have {side} x {side}"
        ):
            players(settings(DCGAN), (1, side, side))


@pytest.mark.parametrize("up", ["transposed", "pixel_shuffle", "nearest"])
@pytest.mark.parametrize("down", ["strided", "average"])
def test_dcgan_makes_and_judges_images_of_every_size(up: str, down: str):
    train = settings(DCGAN, generator={"up": up}, discriminator={"down": down})
    for height, width in [(n, n) for n in (16, 17, 28, 31, 32, 48, 62, 64)] + [(20, 64)]:
        for channels in (1, 3):
            G, D = players(train, (channels, height, width))
            images = G(torch.randn(2, 8))
            assert images.shape == (2, channels, height, width)
            assert images.abs().max() <= 1
            assert D(images).shape == (2,)


def test_dcgans_maps_halve_down_to_at_most_seven():
    assert [h for h, _ in dcgan_maps((1, 64, 64))] == [64, 32, 16, 8, 4]
    assert [h for h, _ in dcgan_maps((1, 28, 28))] == [28, 14, 7]
    assert [h for h, _ in dcgan_maps((3, 62, 62))] == [62, 31, 16, 8, 4]


def test_dcgan_has_no_norm_at_the_ends_and_starts_as_published():
    """Radford 2016: none on G's output and D's input; weights N(0, 0.02), gains N(1, 0.02)."""
    init = {"name": "normal", "std": 0.02, "norm_std": 0.02}
    train = settings(
        DCGAN, generator={"filters": 32, "init": init}, discriminator={"filters": 32, "init": init}
    )
    G, D = players(train, (1, 28, 28))
    assert isinstance(D.body.layers[1].norm, nn.Identity)
    assert isinstance(D.body.layers[3].norm, nn.BatchNorm2d)
    assert not isinstance(G.last, nn.Sequential)
    assert G.body.hidden[0].linear.weight.std().item() == pytest.approx(0.02, rel=0.02)
    gains = torch.cat([n.weight for n in G.modules() if isinstance(n, nn.BatchNorm2d)])
    assert gains.mean().item() == pytest.approx(1, abs=0.01)
    assert gains.std().item() == pytest.approx(0.02, rel=0.4)


def test_nearest_upsampling_repeats_every_pixel():
    x = torch.arange(4.0).view(1, 1, 2, 2)
    expected = torch.tensor([[0, 0, 1, 1], [0, 0, 1, 1], [2, 2, 3, 3], [2, 2, 3, 3.0]])
    assert torch.equal(dcgan.Nearest()(x)[0, 0], expected)


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


@pytest.mark.parametrize("base", [MLP, DCGAN])
def test_every_g_keeps_its_noise_while_sampling_if_asked(base):
    z = torch.randn(3, 8)
    for kept in (True, False):
        change = {"noise_std": 0.5, "noise_when_sampling": kept}
        G, _ = players(settings(base, generator=change), (1, 16, 16))
        assert torch.equal(G.eval()(z), G(z)) != kept


CONDITIONAL = {"conditional": {"embedding": 6}}


def test_both_players_use_the_label():
    G, D = players(settings(MLP, **CONDITIONAL), (1, 4, 4), classes=3)
    z, images = torch.randn(1, 8).repeat(3, 1), torch.randn(1, 1, 4, 4).repeat(3, 1, 1, 1)
    labels = torch.arange(3)
    assert len(G(z, labels).flatten(1).unique(dim=0)) == 3
    assert len(D(images, labels).unique()) == 3


def test_with_an_auxiliary_classifier_d_is_not_told_the_class():
    train = settings(
        MLP,
        conditional={"discriminator": False},
        auxiliary_classifier=AuxiliaryClassifier().model_dump(),
    )
    _, D = players(train, (1, 4, 4), classes=3)
    seen = D.judge(torch.randn(5, 1, 4, 4), torch.zeros(5, dtype=torch.int64))
    assert seen.classes.shape == (5, 3)
    assert D.channel is None


def test_labels_are_needed_where_they_are_used():
    with pytest.raises(TrainingError, match="need labels, but this dataset has none"):
        players(settings(MLP, **CONDITIONAL), (1, 4, 4), classes=0)


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


def test_other_initialisations_have_their_published_scales():
    layer = nn.Linear(300, 200)
    stream = generator(0, "init")
    initial._draw_weights(layer, XavierInit(name="xavier"), False, stream)
    assert layer.weight.std().item() == pytest.approx(math.sqrt(2 / 500), rel=0.02)
    initial._draw_weights(layer, OrthogonalInit(name="orthogonal", gain=2.0), False, stream)
    torch.testing.assert_close(layer.weight @ layer.weight.T, 4 * torch.eye(200), atol=1e-4, rtol=0)
    initial._draw_weights(layer, SparseInit(name="sparse", inputs=100), False, stream)
    assert (layer.weight != 0).sum(dim=1).tolist() == [100] * 200
    assert layer.weight[layer.weight != 0].std().item() == pytest.approx(1, rel=0.02)


@pytest.mark.parametrize(("kernel", "stride"), [(5, 3), (4, 2), (3, 1), (1, 2)])
def test_sparse_weights_of_a_transposed_convolution_are_counted_by_its_outputs(
    kernel: int, stride: int
):
    """With inputs and weights of 1, a pixel off the border is the number of its inputs."""
    layer = nn.ConvTranspose2d(80, 3, kernel, stride, bias=False)
    init = SparseInit(name="sparse", inputs=10)
    initial._draw_weights(layer, init, False, generator(0, "init"))
    with torch.no_grad():
        layer.weight.copy_((layer.weight != 0).float())
        reached = layer(torch.ones(1, 80, 13, 13))[0]
    inner = reached[:, kernel - 1 : 1 - kernel or None, kernel - 1 : 1 - kernel or None]
    assert inner.numel() > 0
    assert inner.unique().tolist() == ([0, 10] if kernel < stride else [10])


def test_the_last_layer_and_biases_may_start_otherwise():
    change = {
        "output_init": {"name": "uniform", "range": 0.5},
        "hidden": [30, 30],
        "activation": ["relu", "sigmoid"],
        "biases": [0, -2],
    }
    G, _ = players(settings(MLP, generator=change), (1, 8, 8))
    assert G.last.weight.abs().max().item() > 0.4
    assert G.body.hidden[1].linear.weight.std().item() == pytest.approx(0.02, rel=0.1)
    assert (G.body.hidden[1].linear.bias == -2).all()


def test_as_many_activations_as_layers_are_needed():
    with pytest.raises(ValueError, match="activation has 3 entries for 2 hidden layers"):
        MlpGenerator(
            name="mlp",
            hidden=(2, 2),
            activation=("relu",) * 3,
            output="tanh",
            init=NormalInit(name="normal", std=1.0),
            optimizer=settings(MLP).generator.optimizer,
        )


KINDS = {
    "dcgan": settings(DCGAN),
    "dcgan, other layers": settings(
        DCGAN,
        generator={"up": "pixel_shuffle", "norm": "instance", "activation": "leaky_relu"},
        discriminator={"down": "average", "norm": "none", "spectral_norm": True},
    ),
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
