"""What theory.json says of images, by a D that is a probability and by one that is a critic."""

import math

import pytest
import torch

from pipeline.evaluation.theory import images

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
