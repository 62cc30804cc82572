"""What tests/models/gan/test_parallel.py compares: run here by one process, and there by each of two ranks."""

import sys
from pathlib import Path

import torch
from torch import nn

from pipeline.compute import parallel
from pipeline.compute.parallel import World
from pipeline.compute.streams import generator
from pipeline.config.models.common.courses import Course
from pipeline.config.models.gan.augmentation import Ada, Augmentation
from pipeline.config.models.gan.inits import HeInit
from pipeline.config.models.gan.tips import StepsOfD
from pipeline.config.models.gan.train import Train
from pipeline.config.params import load
from pipeline.errors import TrainingError
from pipeline.models.gan.training import Training
from tests.conftest import ROOT

STEPS = 7  # cross an epoch's end
CPU = torch.device("cpu")


def images() -> torch.Tensor:
    return torch.rand(110, 1, 4, 4, generator=generator(0, "test")) * 2 - 1


def games() -> dict[str, Train]:
    """Tiny nets; everything that draws random numbers is on.

    With SGD: the first steps of Adam are +-lr however small a gradient, also where it is rounding alone.
    """
    paper = load(ROOT / "recipes/paper.yaml").runs["paper"].train
    dropout = {"dropout_input": 0.2, "dropout_hidden": 0.5}
    small = {"hidden": (12, 10), "init": HeInit(name="he")}
    G = paper.generator.model_copy(update=small)
    D = paper.discriminator.model_copy(update=small | dropout)
    common = {
        "batch_size": 20,
        "steps": STEPS,
        "generator": G,
        "discriminator": D,
        "instance_noise": Course(start=0.5, end=0.1, steps=5),
    }
    augmentation = Augmentation(
        translation=0.25, cutout=0.5, colour=True, mirror=True, ada=Ada(target=0.01, images=100)
    )
    normed_G, normed_D = (net.model_copy(update={"norm": "batch"}) for net in (G, D))
    virtual = G.model_copy(update={"norm": "virtual_batch", "noise_std": 0.3, "dropout": 0.2})
    normed = {"generator": normed_G, "discriminator": normed_D}

    def game(**changes) -> Train:
        return paper.model_copy(update=common | changes)

    return {
        "simultaneous": game(update="simultaneous"),
        "alternating": game(
            update="alternating", discriminator_steps=(StepsOfD(from_step=0, k=2),)
        ),
        "augmented": game(update="simultaneous", augmentation=augmentation),
        "simultaneous, BatchNorm": game(update="simultaneous", **normed),
        "alternating, BatchNorm": game(update="alternating", **normed),
        "virtual BatchNorm": game(update="alternating", generator=virtual),
        "BatchNorm of each rank's own": game(update="alternating", sync_batch_norm=False, **normed),
    }


def play(settings: Train, world: World, halt: int | None = None) -> dict:
    """The weights after STEPS steps; through a checkpoint and a second game after `halt` of them."""
    game = Training(settings, 0, images(), CPU, world=world)
    for _ in range(STEPS):
        if game.step == halt:
            state = game.state_dict()
            game = Training(settings, 0, images(), CPU, world=world)
            game.load_state_dict(state)
        seen = game.advance()
    game.check_ranks_agree()
    logged = {key: world.average(seen[key].clone()) for key in ("d_loss", "g_loss")}
    return game.weights() | logged


def normalize(layer: nn.Module, world: World) -> dict[str, torch.Tensor]:
    """Two minibatches through a BatchNorm layer, forward and backward."""
    net = nn.Sequential(layer.double())
    parallel.synchronize_norms(net, world)
    stream = generator(0, "test")
    x = (torch.randn(2, 6, 3, 2, generator=stream, dtype=torch.float64) + 5).requires_grad_()
    pull = torch.randn(6, 3, 2, generator=stream, dtype=torch.float64)
    mine = slice(world.rank, None, world.ranks)
    y = [net(batch[mine]) for batch in x]
    # a rank's loss is the mean over its share; the gradient of the mean over ranks is wanted
    loss = (y[1] * pull[mine]).sum() * world.ranks
    gradients = torch.autograd.grad(loss, [x, *net.parameters()])
    return {
        "input": world.average(gradients[0].clone()),
        "weight": world.average(gradients[1].clone()),
        "bias": world.average(gradients[2].clone()),
        "running_mean": net[0].running_mean,
        "running_var": net[0].running_var,
    }


def drift(world: World, what: str) -> str:
    """What is said of ranks whose weights, or whose buffers, are no longer the same."""
    game = Training(games()["virtual BatchNorm"], 0, images(), CPU, world=world)
    game.check_ranks_agree()
    with torch.no_grad():
        if what == "weights":
            game.D.vector[3] += world.rank * 1e-6
        else:
            game.G.net.reference_z[3] += world.rank * 1e-6
    try:
        game.check_ranks_agree()
    except TrainingError as error:
        return str(error)
    return ""


def everything(world: World) -> dict:
    found: dict = {name: play(game, world) for name, game in games().items()}
    found["resumed"] = play(games()["alternating, BatchNorm"], world, halt=3)
    found["norm"] = normalize(nn.BatchNorm1d(3), world)
    found["drift"] = {what: drift(world, what) for what in ("weights", "buffers")}
    return found


if __name__ == "__main__":
    torch.set_num_threads(1)
    with parallel.world(2, "cpu") as world:
        found = everything(world)
        if world.writes:
            torch.save(found, Path(sys.argv[1]))
