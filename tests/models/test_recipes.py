"""Every run of a family that learns by gradients, other than the GAN, takes its first steps on noise."""

import math

import pytest
import torch

from pipeline.compute.streams import generator
from pipeline.config.params import load
from pipeline.models import FAMILIES
from pipeline.models import load as named
from tests.conftest import ROOT
from tests.models.gan.test_recipes import shape_of

RUNS = {
    f"{recipe.stem}: {name}": (run, shape_of(params.datasets[run.dataset].source))
    for recipe in sorted((ROOT / "recipes").glob("*.yaml"))
    for params in [load(recipe)]
    for name, run in params.runs.items()
    if run.model not in ("gan", "baseline")
}


@pytest.mark.parametrize("name", RUNS)
def test_every_run_takes_its_first_steps(name: str):
    run, shape = RUNS[name]
    count = run.train.batch_size + 50
    images = torch.rand(count, *shape, generator=generator(0, "test")) * 2 - 1
    trainings = named(FAMILIES[run.model].trainings)
    for _, training in trainings(run.train, 0, images, torch.device("cpu")):
        before = training.weights()
        for _ in range(2):
            row = training.measure(training.advance())
            assert all(math.isfinite(number) for number in row.values())
        after = training.weights()
        assert any(not torch.equal(before[key], after[key]) for key in before)
        assert all(weights.isfinite().all() for weights in after.values())
