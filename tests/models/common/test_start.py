"""A training that starts with the weights of a trained model, in every family that has some."""

from typing import Any

import pytest
import torch
from torch import Tensor

from pipeline import models
from pipeline.config.models import settings_of
from pipeline.errors import TrainingError
from tests.models.examples import EXAMPLES, OPTIMIZER

CPU = torch.device("cpu")
NET = {"hidden": [12], "activation": "relu", "init": {"name": "he"}, "optimizer": OPTIMIZER}
GAN = {
    "steps": 6,
    "batch_size": 20,
    "noise": {"prior": "gaussian", "dim": 4},
    "generator": {**NET, "norm": "batch", "output": "tanh"},
    "discriminator": {**NET, "spectral_norm": True},
    "ema": {"name": "exponential", "decay": 0.9},
}
HYBRID = {
    **GAN,
    "generator": {**GAN["generator"], "norm": "virtual_batch"},
    "autoencoder": {"name": "vae_gan", "encoder": NET},
}
FAMILIES = [*({**EXAMPLES, "gan": GAN}.items()), ("gan", HYBRID)]
LEARNING = [each for each in FAMILIES if each[0] != "baseline"]


def settings(family: str, train: dict, **changes: Any) -> Any:
    changes = {"steps": 6, **changes}
    if "first" in train:
        changes["first"] = {**train["first"], "steps": changes["steps"]}
    return settings_of(family).model_validate({**train, **changes})


def images(seed: int = 0) -> Tensor:
    return torch.rand(60, 1, 4, 4, generator=torch.Generator().manual_seed(seed)) * 2 - 1


def played(train: Any, start: dict | None = None, steps: int | None = None) -> dict[str, Tensor]:
    """The weights at the end of a run's last training; `steps`: of each, all of them when None."""
    trainings = models.load(models.FAMILIES[train.family].trainings)
    training = None
    for _, training in trainings(train, 0, images(), CPU, start=start):
        while training.step < (training.steps if steps is None else steps):
            training.advance()
        training.step = training.steps
    assert training is not None
    return training.weights()


def apart(some: dict[str, Tensor], others: dict[str, Tensor]) -> set[str]:
    """Names of the tensors that differ."""
    assert some.keys() == others.keys()
    return {name for name in some if not torch.equal(some[name], others[name])}


def averaged_anew(weights: dict[str, Tensor]) -> dict[str, Tensor]:
    """With the moving average where it begins: at the last weights."""
    ema = {name: weights[name.replace("_ema.", ".")] for name in weights if "_ema." in name}
    return weights | ema


@pytest.mark.parametrize(("family", "train"), LEARNING)
def test_before_the_first_step_the_nets_are_those_of_the_model(family: str, train: dict):
    whole = settings(family, train)
    trained = played(whole)
    assert apart(played(whole, start=trained, steps=0), averaged_anew(trained)) == set()
    assert apart(played(whole, steps=0), trained), "it had not learned anything"
    assert apart(played(whole, start=trained), trained), "it does not go on"


@pytest.mark.parametrize("family", ["gan", "autoregressive", "rbm"])
def test_at_a_learning_rate_of_0_it_stays_the_model(family: str):
    """But for what is no weight: BatchNorm's and spectral norm's buffers, and where chains are."""
    train = dict(FAMILIES)[family] if family != "gan" else GAN
    plain = {"offsets": "none"} if family == "rbm" else {}  # offsets carry the biases with them
    trained = played(settings(family, train, **plain))
    still = {"optimizer": {"name": "sgd", "lr": 1e-15}}
    if family == "gan":
        still = {player: {**train[player], **still} for player in ("generator", "discriminator")}
    after = played(settings(family, train, **plain, **still), start=trained)
    expected = averaged_anew(trained)
    far = {
        name for name in apart(after, expected) if (after[name] - expected[name]).abs().max() > 1e-9
    }
    buffers = ("chains", "running_mean", "running_var", "num_batches_tracked", ".left", ".right")
    assert {name for name in far if not name.endswith(buffers)} == set()


def test_a_model_that_does_not_fit_is_refused_by_the_tensor():
    trained = played(settings("gan", GAN))
    wider = settings("gan", GAN, noise={"prior": "gaussian", "dim": 5})
    with pytest.raises(TrainingError, match=r"hidden.*it has \[12, 4\], and this run \[12, 5\]"):
        played(wider, start=trained)
    deeper = settings("gan", GAN, discriminator={**GAN["discriminator"], "hidden": [12, 12]})
    with pytest.raises(TrainingError, match="it has no such tensor"):
        played(deeper, start=trained)
