"""The floor that a step is held against counts what a step has to compute: as much as ours, less than a plain loop."""

import pytest
import torch
from torch.utils.flop_counter import FlopCounterMode

from benchmarks import floor
from benchmarks.pairs import Pair, dcgan, paper, plain_loop
from benchmarks.residual import sngan
from pipeline.models.gan.training import Training


def images(pair: Pair) -> torch.Tensor:
    return torch.rand(128, *pair.shape) * 2 - 1


def operations(work: floor.Work) -> int:
    with FlopCounterMode(display=False) as counter:
        work()
    return counter.get_total_flops()


def of_floor(pair: Pair, update: str) -> int:
    return operations(
        floor.products(update, *pair.layers(torch.float32, torch.contiguous_format), pair.batch)
    )


def of_ours(pair: Pair, update: str) -> int:
    training = Training(pair.settings(update, "float32"), 0, images(pair), torch.device("cpu"))
    return operations(training.advance)


@pytest.mark.parametrize(
    "pair", [paper(dropout=True), dcgan(), sngan(6, 4)], ids=lambda pair: pair.name
)
def test_an_alternating_step_makes_the_products_of_the_floor_and_no_others(pair: Pair):
    assert of_ours(pair, "alternating") == of_floor(pair, "alternating")
    assert operations(plain_loop(pair, images(pair))) > of_floor(pair, "alternating")


def test_a_simultaneous_step_makes_one_needless_product():
    """The gradient of the real images, which share D's pass with the samples."""
    pair = paper(dropout=False)
    needless = 2 * pair.batch * 784 * 1200
    assert of_ours(pair, "simultaneous") == of_floor(pair, "simultaneous") + needless
