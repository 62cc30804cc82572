"""Every GAN of every recipe takes its first steps, with its own nets and tips, on noise in the shape of its data."""

import math

import pytest
import torch

from pipeline.compute.streams import generator
from pipeline.config.datasets import Folder, MixturePoints
from pipeline.config.models.gan.train import Train
from pipeline.config.params import load
from pipeline.models.gan import pretraining
from pipeline.models.gan.training import Training
from tests.conftest import ROOT

SHAPES = {
    "mnist": (1, 28, 28),
    "fashion_mnist": (1, 28, 28),
    "cifar10": (3, 32, 32),
    "tfd": (1, 48, 48),
    "digits": (1, 8, 8),
}


def narrowed(train: Train) -> Train:
    """At most 300 units a layer where the shape of the image does not ask for more; 16 filters of a ResNet."""

    def of(net):
        if net.name == "resnet":
            return net.model_copy(update={"filters": min(net.filters, 16)})
        if not hasattr(net, "hidden"):
            return net
        *first, last = (min(units, 300) for units in net.hidden)
        last = net.hidden[-1] if net.name == "deconv" else last
        return net.model_copy(update={"hidden": (*first, last)})

    changed = {"generator": of(train.generator), "discriminator": of(train.discriminator)}
    return train.model_copy(update=changed)


def shape_of(source) -> tuple:
    if isinstance(source, MixturePoints):
        return (len(source.means[0]), 1, 1)
    if isinstance(source, Folder):
        return (source.channels, source.height, source.width)
    return SHAPES[source.name]


def games() -> dict[str, tuple[Train, tuple]]:
    """Runs that differ in more than their seed, by recipe and name."""
    found: dict[str, tuple[Train, tuple]] = {}
    for recipe in [ROOT / "params.yaml", *sorted((ROOT / "recipes").glob("*.yaml"))]:
        params = load(recipe)
        of_gans = {n: run for n, run in params.runs.items() if run.model == "gan"}
        for name, run in of_gans.items():
            source = params.datasets[run.dataset].source
            game = narrowed(run.train), shape_of(source)
            if game not in found.values():
                found[f"{recipe.stem}: {name}"] = game
                if run.train.pretraining:
                    first = pretraining.first_game(game[0])
                    found[f"{recipe.stem}: {name} pretraining"] = first, game[1]
    return found


GAMES = games()


@pytest.mark.parametrize("game", GAMES)
def test_every_recipe_takes_its_first_steps(game: str):
    settings, shape = GAMES[game]
    count = settings.batch_size + 50
    images = torch.rand(count, *shape, generator=generator(0, "test")) * 2 - 1
    labels = torch.arange(count) % 10
    training = Training(settings, 0, images, torch.device("cpu"), labels)
    before = training.G.vector.detach().clone()
    for _ in range(2):
        row = training.measure(training.advance())
        assert all(math.isfinite(number) for number in row.values())
    assert not torch.equal(training.G.vector, before)
    for player in (training.G, training.D):
        assert player.vector.isfinite().all()
