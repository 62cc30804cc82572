"""What theory.json says of images, by a D that is a probability and by one that is a critic."""

import math

import pytest
import torch

from pipeline.compute.streams import generator
from pipeline.config.models.gan.train import Train
from pipeline.evaluation.families import gan
from pipeline.evaluation.theory import images
from pipeline.models.gan.saved import Saved
from pipeline.models.gan.training import Training
from tests.config.test_params import quick

SAID = {
    "test": torch.tensor([3.0, 5.0, 4.0]),
    "train": torch.tensor([6.0, 6.0]),
    "generated": torch.tensor([-2.0, 0.0]),
}


def test_d_judges_block_by_block_with_its_labels():
    def D(x_BCHW: torch.Tensor, labels_B: torch.Tensor) -> torch.Tensor:
        assert len(x_BCHW) <= 2
        return x_BCHW.flatten(1).sum(dim=1) + labels_B

    seen = {"test": (torch.ones(5, 1, 2, 2), torch.arange(5))}
    assert images.outputs(D, seen, 2)["test"].tolist() == [4, 5, 6, 7, 8]


def test_a_critics_values_are_said_as_they_are():
    found = images.critic(SAID, "images", "wasserstein")
    assert found["d_mean"] == {"test": 4.0, "train": 6.0, "generated": -1.0}
    assert found["difference"] == 5.0
    assert (found["edges"][0], found["edges"][-1]) == (-2.0, 6.0)
    assert all(sum(shares) == pytest.approx(1) for shares in found["d_histogram"].values())
    assert "jsd_at_least" not in found


def test_a_critic_that_says_the_same_of_all_images_has_a_histogram():
    found = images.critic({name: torch.zeros(3) for name in SAID}, "images", "hinge")
    assert found["difference"] == 0
    assert found["edges"][-1] > found["edges"][0]


def test_a_probability_bounds_the_divergence():
    """D = 1/2 everywhere: V = -log 4, and no divergence is shown."""
    found = images.evaluate({name: torch.zeros(3) for name in SAID}, "images")
    assert found["value"] == pytest.approx(-math.log(4))
    assert found["jsd_at_least"] == 0
    assert set(found["d_mean"].values()) == {0.5}


@pytest.mark.parametrize(
    ("D", "of"),
    [
        ({}, "images"),
        ({"minibatch_discrimination": {"kernels": 3, "dims": 2}}, "minibatches of 100 images"),
    ],
)
def test_a_d_that_judges_a_batch_bounds_the_divergence_of_batches(D: dict, of: str):
    """The JSD of n independent images is up to n times that of one."""
    settings = quick()["runs"]["digits"]["train"]
    settings["discriminator"] |= D
    train = Train.model_validate(settings)
    data = torch.rand(200, 1, 8, 8, generator=generator(0, "data")) * 2 - 1
    weights = Training(train, 0, data, torch.device("cpu")).weights()
    about = {"train": settings, "image_shape": [1, 8, 8], "classes": 0, "seed": 0}
    labels = torch.zeros(200, dtype=torch.long)
    parts = {
        f"{part}_{what}": value
        for part in ("test", "train")
        for what, value in (("images", data), ("labels", labels))
    }
    assert gan.of_images(Saved(about, weights, "model"), parts, data)["of"] == of
