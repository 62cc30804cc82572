"""A model file's nets are those that were trained, and what comes out of them is in [-1, 1]."""

import pytest
import torch

from pipeline.compute.streams import generator
from pipeline.config.models.gan.train import Train
from pipeline.errors import DataError
from pipeline.models.common.player import load_vector
from pipeline.models.gan.sampling import draw
from pipeline.models.gan.saved import Saved
from pipeline.models.gan.training import Training

TINY = {"init": {"name": "normal", "std": 0.5}, "optimizer": {"name": "adam", "lr": 1e-2}}
SETTINGS = {
    "steps": 6,
    "batch_size": 8,
    "noise": {"dim": 3},
    "generator": {"hidden": [6], "activation": "relu", "output": "tanh", **TINY},
    "discriminator": {"hidden": [6], "activation": "leaky_relu", **TINY},
    "ema": {"name": "exponential", "decay": 0.5},
}
POINTS = torch.rand(40, 1, 1, 1, generator=generator(0, "points")) * 2 - 1


def trained(shape: tuple = (1, 1, 1), classes: int = 0, **changes) -> tuple[Training, Saved]:
    settings = Train.model_validate(SETTINGS | changes)
    labels = torch.arange(40) % classes if classes else None
    training = Training(settings, 5, POINTS.expand(40, *shape), torch.device("cpu"), labels)
    for _ in range(settings.steps):
        training.remember()
        training.advance()
    about = {
        "train": settings.model_dump(mode="json"),
        "seed": 5,
        "image_shape": list(shape),
        "classes": training.classes,
    }
    return training, Saved(about, training.weights() | training.snapshots, "model.safetensors")


@pytest.mark.parametrize("weights", ["raw", "ema"])
def test_g_gives_the_images_of_the_trained_net(weights):
    training, saved = trained()
    z = training.draw(5, generator(0, "z"))
    expected = training.sampler(raw=weights == "raw")(*z)
    assert torch.equal(saved.generator(weights)(*z), expected)
    assert not torch.equal(training.sampler()(*z), training.sampler(raw=True)(*z))


def test_snapshots_are_the_players_of_their_step():
    _, saved = trained()
    assert saved.snapshots() == [0, 1, 2, 3, 4, 5]
    again, _ = trained(steps=2)
    z = again.draw(5, generator(0, "z"))
    assert torch.equal(saved.generator("raw", 2)(*z), again.sampler(raw=True)(*z))
    assert torch.equal(saved.discriminator(2)(POINTS), again.D.net.eval()(POINTS))


def test_rejection_asks_the_mean_of_ds_weights():
    """Exponent 0: the plain mean over all steps."""
    settings = {"discriminator_ema": {"name": "power", "exponent": 0}}
    training, saved = trained(**settings)
    again, _ = trained(steps=1, **settings)
    seen = [again.D.vector.detach().clone()]
    for _ in range(5):
        again.advance()
        seen.append(again.D.vector.detach().clone())
    assert torch.equal(again.D.vector, training.D.vector)
    D = training.D.net.eval()
    last = D(POINTS)
    torch.testing.assert_close(saved.discriminator()(POINTS), last)
    load_vector(D, torch.stack(seen).mean(dim=0))
    torch.testing.assert_close(saved.rejecting()(POINTS), D(POINTS))
    assert not torch.allclose(saved.rejecting()(POINTS), last)
    assert torch.equal(trained()[1].rejecting()(POINTS), trained()[1].discriminator()(POINTS))
    kept = [
        torch.cat([x for (x,) in one.accepted_samples("raw", 5_000, 1_000, 1, accepted=0.5)])
        for one in (saved, trained()[1])
    ]
    assert not torch.equal(*kept)


def test_images_are_in_minus_1_to_1_whatever_range_the_nets_work_in():
    for kind, lowest in (("symmetric", -1.0), ("unit", 0.0)):
        training, saved = trained((1, 4, 4), pixels=kind)
        z = training.draw(500, generator(0, "z"))
        with torch.no_grad():
            own = training.sampler()(*z)
            images = saved.generator("ema")(*z)
        assert own.min() >= lowest
        assert (own.min() < -0.3) == (kind == "symmetric")
        assert images.min() < -0.3
        torch.testing.assert_close(images, own if kind == "symmetric" else own * 2 - 1)
        shown = images if kind == "symmetric" else (images + 1) / 2
        torch.testing.assert_close(
            saved.discriminator()(images), training.D.net.eval()(shown.detach())
        )


def test_a_conditional_g_draws_as_many_of_each_class_in_turn():
    _, saved = trained((1, 4, 4), classes=3, conditional={"embedding": 4})
    G = saved.generator("raw")
    told = []
    G.register_forward_pre_hook(lambda _, arguments: told.append(arguments[1]))
    batches = list(draw(G, count=8, batch_size=5, seed=1))
    assert [len(batch) for batch in batches] == [5, 3]
    assert torch.cat(told).tolist() == [0, 1, 2, 0, 1, 2, 0, 1]
    assert torch.equal(torch.cat(batches), torch.cat(list(draw(G, 8, 5, seed=1))))
    assert not torch.equal(torch.cat(batches), torch.cat(list(draw(G, 8, 5, seed=2))))


def test_weights_that_are_not_there_are_named():
    _, saved = trained(ema=None)
    assert not saved.has_average
    with pytest.raises(DataError, match=r"model.safetensors holds no generator_ema.\* weights"):
        saved.generator("ema")
