"""The bound of a trained VAE's likelihood, in the units of a density of images."""

import math

import pytest
import torch

from pipeline.compute.streams import generator
from pipeline.config.params import validate
from pipeline.config.sample import Sample
from pipeline.evaluation.families import gan
from pipeline.evaluation.theory import variational
from pipeline.models.common import levels
from pipeline.models.gan.saved import Saved
from pipeline.models.gan.training import Training
from tests.config.test_params import make_hybrid, quick

STD = 0.5


LABELS = torch.arange(300) % 3


@pytest.fixture(params=["symmetric", "unit"])
def vae(request):
    """A VAE of 8 x 8 images after some steps, and the images."""
    return trained(request.param)


def trained(pixels: str, **more):
    content = quick()
    make_hybrid(content, pixels=pixels, steps=30, **more)
    changed = content["runs"]["digits"]["train"]
    changed["generator"]["output"] = {"symmetric": "tanh", "unit": "sigmoid"}[pixels]
    del changed["instance_noise"]
    train = validate(content, "params.yaml").runs["digits"].train
    images = torch.rand(300, 1, 8, 8, generator=generator(0, "images"))
    images = ((images * 255).round() / 255) * 2 - 1
    training = Training(train, 0, images, torch.device("cpu"), LABELS)
    while training.step < training.steps:
        training.advance()
    about = {
        "train": train.model_dump(mode="json"),
        "image_shape": [1, 8, 8],
        "classes": 3,
        "seed": 0,
    }
    return Saved(about, training.weights(), "model.safetensors"), images


def test_the_bounds_are_those_of_the_loss_in_nats_of_a_density(vae):
    """-ELBO = |x - G(z)|^2 / (2 std^2) + 64 log(std sqrt(2 pi)) + KL, with std and x in [0, 1]."""
    saved, images = vae
    found = gan.variational_bounds(
        saved, saved.train.autoencoder, Sample(weights="raw", importance_samples=20), images, LABELS
    )
    std = STD / 2 if saved.train.pixels == "symmetric" else STD
    posterior, G = saved.posterior(images), saved.generator("raw")
    x = levels.drawn(images, generator(1, "u"))
    errors = []
    with torch.no_grad():
        for draw in range(20):
            z = posterior.draw(torch.randn(posterior.mean.shape, generator=generator(draw, "z")))
            errors.append((x - (G(z).flatten(1) + 1) / 2).square().sum(1).mean())
    error = torch.stack(errors).mean() / (2 * std**2)
    expected = -error - 64 * math.log(std * math.sqrt(2 * math.pi)) - posterior.kl()
    assert found["elbo"]["mean"] == pytest.approx(expected.item(), abs=0.3)
    assert found["elbo"]["mean"] < found["test"]["mean"]
    assert found["test"]["images"] == 300
    assert found["likelihood"]["kind"] == "bound"
    assert found["likelihood"]["data"] == "dequantised"
    assert 1 <= found["effective_samples"] <= 20
    assert found["bits_per_pixel"] == pytest.approx(
        8 - found["test"]["mean"] / 64 / math.log(2), abs=1e-3
    )


def test_more_draws_bring_the_bound_up(vae):
    saved, images = vae
    bounds = [
        gan.variational_bounds(
            saved,
            saved.train.autoencoder,
            Sample(weights="raw", importance_samples=count),
            images,
            LABELS,
        )["test"]["mean"]
        for count in (1, 10, 100)
    ]
    assert bounds == sorted(bounds)


def test_of_a_g_that_is_told_the_class_the_bound_is_still_of_the_image_alone():
    """p(x) >= p(x|y) / K; a G that makes nothing of the class has the bound of one that is told none, less log K."""
    saved, images = trained("symmetric", conditional={"discriminator": False})
    for name, tensor in saved.tensors.items():
        if "embedding" in name:
            tensor.zero_()
    sample = Sample(weights="raw", importance_samples=50)
    found, moved = (
        gan.variational_bounds(saved, saved.train.autoencoder, sample, images, labels)["elbo"]
        for labels in (LABELS, (LABELS + 1) % 3)
    )
    G, posterior = saved.generator("raw"), saved.posterior(images)
    x = levels.drawn(images, generator(0, "bounds of test images"))
    alone = variational.bounds(
        lambda z: (G(z, torch.zeros(len(z), dtype=torch.long)).flatten(1) + 1) / 2,
        STD / 2,
        x,
        posterior,
        50,
        generator(1, "draws"),
    ).elbo.mean()
    assert found["images"] == 300
    assert found["mean"] == pytest.approx(alone.item() - math.log(3), abs=0.3)
    assert moved["mean"] == pytest.approx(found["mean"], abs=0.3)
