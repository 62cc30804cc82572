"""Figures 2 and 3 by what they show: the nearest training image, and G along the right path."""

import pytest
import torch

from pipeline.compute.streams import generator
from pipeline.config.models.gan.train import Train
from pipeline.evaluation.families import gan
from pipeline.models.gan import interpolation, nets
from pipeline.models.gan.sampling import SymmetricGenerator
from pipeline.stages import figures

TINY = {"init": {"name": "normal", "std": 0.5}, "optimizer": {"name": "adam", "lr": 1e-2}}


def test_the_framed_image_is_the_training_image_nearest_to_the_last_sample_of_its_row():
    stream = generator(0, "images")
    train = torch.rand((300, 1, 4, 4), generator=stream) * 2 - 1
    samples = torch.rand((30, 1, 4, 4), generator=stream) * 2 - 1
    copied = {0: 17, 1: 250, 2: 3}  # row -> training image that its last sample resembles
    for row, image in copied.items():
        noise = 0.01 * torch.randn((1, 4, 4), generator=stream)
        samples[(row + 1) * figures.COLUMNS - 1] = train[image] + noise
    shown, framed = figures.figure_2(samples, train)
    assert torch.equal(shown, samples[: figures.ROWS * figures.COLUMNS]), "not selected"
    assert framed.shape == (figures.ROWS, 1, 4, 4)
    for row, image in copied.items():
        assert torch.equal(framed[row], train[image])
    last = samples[figures.ROWS * figures.COLUMNS - 1]
    by_hand = (train - last).square().flatten(1).sum(dim=1).argmin()
    assert torch.equal(framed[-1], train[by_hand])
    few, (alone,) = figures.figure_2(samples[:7], train)
    assert len(few) == figures.COLUMNS, "the sample before the frame is that which it is of"
    assert torch.equal(alone, train[17])


def conditional_g(classes: int = 0) -> SymmetricGenerator:
    conditional = {"conditional": {"embedding": 4}} if classes else {}
    train = Train.model_validate(
        {
            "steps": 1,
            "batch_size": 2,
            "pixels": "unit",
            "noise": {"prior": "gaussian", "dim": 5},
            "generator": {"hidden": [6], "activation": "relu", "output": "sigmoid", **TINY},
            "discriminator": {"hidden": [6], "activation": "relu", **TINY},
        }
        | conditional
    )
    net = nets.generator_of(train, (1, 4, 4), classes, generator(0, "layers"))
    return SymmetricGenerator(net, train, classes).eval()


@pytest.mark.parametrize("kind", interpolation.PATHS)
@pytest.mark.parametrize("classes", [0, 3])
def test_each_strip_is_g_along_the_path_from_one_random_z_to_another(kind: str, classes: int):
    G = conditional_g(classes)
    found = gan.figure_3(G, kind, 7)
    assert found.shape == (gan.STRIPS, 7, 1, 4, 4)
    z = torch.randn(2 * gan.STRIPS, 5, generator=generator(0, "figure 3"))
    with torch.no_grad():
        for strip in range(gan.STRIPS):
            a, b = z[2 * strip], z[2 * strip + 1]
            way = interpolation.PATHS[kind](a, b, torch.linspace(0, 1, 7))
            label = torch.full((7,), strip % classes) if classes else None
            torch.testing.assert_close(found[strip], G(way, label))
            ends = torch.stack([a, b])
            torch.testing.assert_close(
                found[strip, [0, -1]], G(ends, None if label is None else label[:2])
            )
    other = gan.figure_3(G, {"line": "great_circle", "great_circle": "line"}[kind], 7)
    torch.testing.assert_close(found[:, 0], other[:, 0])
    assert not torch.allclose(found[:, 3], other[:, 3]), "the two paths differ in the middle"
