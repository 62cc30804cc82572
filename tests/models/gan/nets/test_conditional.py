"""Players that are told the class."""

import pytest
import torch
from torch import nn

from pipeline.config.models.gan.tips import AuxiliaryClassifier
from pipeline.errors import TrainingError
from pipeline.models.common import layers
from pipeline.models.common.layers import ConditionalBatchNorm
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
    players,
    settings,
)

TOLD = {"embedding and channel": CONDITIONAL, "batch norm and projection": PROJECTION}


@pytest.mark.parametrize("how", TOLD)
@pytest.mark.parametrize("pair", [MLP, DCGAN, RESNET])
def test_both_players_use_the_label(pair: dict, how: str):
    train = settings(pair, **TOLD[how], generator={"norm": "batch"})
    G, D = players(train, (1, 16, 16), classes=3)
    with torch.no_grad():
        for layer in G.modules():  # at first they are the same for all classes
            if isinstance(layer, ConditionalBatchNorm):
                layer.weight.copy_(torch.tensor([[0.5], [1.0], [2.0]]).expand_as(layer.weight))
    z, images = torch.randn(1, 8).repeat(3, 1), torch.randn(1, 1, 16, 16).repeat(3, 1, 1, 1)
    labels = torch.arange(3)
    assert len(G(z, labels).flatten(1).unique(dim=0)) == 3
    assert len(D(images, labels).unique()) == 3


def test_projection_adds_the_product_of_the_features_and_the_vector_of_the_class():
    """Miyato and Koyama 2018, eq. 3."""
    _, D = players(settings(DCGAN, **PROJECTION, generator={"norm": "batch"}), (1, 16, 16), 3)
    images, labels = torch.randn(5, 1, 16, 16), torch.tensor([2, 0, 1, 2, 2])
    D.eval()
    logit, features, _ = D.judge(images, labels)
    expected = D.last(features).squeeze(1) + (D.projection.classes.weight[labels] * features).sum(1)
    torch.testing.assert_close(logit, expected)


@pytest.mark.parametrize("shape", [(6,), (6, 3, 4)])
def test_conditional_batch_norm_is_batch_norm_with_a_gain_and_a_bias_for_each_class(shape: tuple):
    """Over the whole minibatch, not one class of it; a flat map is normalised as a map."""
    told, usual = layers.ConditionalBatchNorm(6, 2), nn.BatchNorm2d(6)
    told.weight.data.normal_()
    told.bias.data.normal_()
    x, labels = torch.randn(8, *shape), torch.arange(8) % 2
    normalized = usual(x.view(8, 6, -1, 1)).view(x.shape)
    for label in (0, 1):
        gain, bias = (t[label].view(6, *[1] * (len(shape) - 1)) for t in (told.weight, told.bias))
        torch.testing.assert_close(
            told(x, labels)[labels == label], normalized[labels == label] * gain + bias
        )
    torch.testing.assert_close(told(x.flatten(1), labels), told(x, labels).flatten(1))


@pytest.mark.parametrize("pair", [MLP, RESNET, R3GAN])
def test_one_pass_through_d_gives_g_the_gradient_of_its_own_loss(pair: dict):
    """Spectral norm, a residual sum and a projection leave an image's loss a function of its logit alone."""
    change = {"discriminator": {"spectral_norm": True}}
    if pair is R3GAN:
        change["conditional"] = {"discriminator": "projection"}
    else:
        change |= PROJECTION | {"generator": {"norm": "batch"}}
    train = settings(pair, **change, update="simultaneous")

    def fresh() -> Training:
        return Training(train, 0, torch.rand(40, 1, 16, 16), CPU, torch.arange(40) % 3)

    advanced, game = fresh(), fresh().game
    advanced.advance()
    assert advanced.game.one_backward_pass and advanced.game.image_by_image
    real = game.next_real()
    latent = game.next_latent(len(real.images))
    fake = game.G(*latent)
    both = game.judge(torch.cat([real.images, fake]), torch.cat([real.labels, latent.labels]))
    loss = game.generator_loss(None, both.logit[len(real.images) :])
    expected = torch.cat([g.flatten() for g in torch.autograd.grad(loss, game.G.params)])
    torch.testing.assert_close(advanced.G.vector.grad, expected, rtol=1e-3, atol=1e-6)


def test_batch_norm_is_told_the_class_only_where_there_is_one():
    deconv = {"generator": {"name": "deconv", "output": "linear", **TINY}}
    for pair, change in ((MLP, {}), (DCGAN, {"norm": "instance"}), (MLP | deconv, {})):
        with pytest.raises(ValueError, match=r"needs a G with BatchNorm; set generator\.norm"):
            settings(pair, **PROJECTION, generator=change)


def test_gains_of_classes_stay_float32_beside_products_in_16_bits():
    train = settings(MLP, **PROJECTION, generator={"norm": "batch"}, precision="bf16")
    game = Training(train, 0, torch.rand(40, 1, 4, 4), CPU, torch.arange(40) % 3)
    of_norms = {
        p.dtype
        for layer in game.G.net.modules()
        if isinstance(layer, ConditionalBatchNorm)
        for p in layer.parameters()
    }
    assert of_norms == {torch.float32}
    assert game.G.net.last.weight.dtype == torch.bfloat16


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
