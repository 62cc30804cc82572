"""Pretraining: the last layers of G train first, by themselves; then layers are put before them, and all train.

The authors did so on TFD: 50 epochs of the last layers, 22 of all. The first game has a D of its own;
its noise has as many dimensions as the layer that will come before has units.
"""

from torch import Tensor

from pipeline.config.models.gan.nets import MlpGenerator
from pipeline.config.models.gan.train import Train


def first_game(train: Train) -> Train:
    """Settings of the game that the last layers of `train`'s G play first."""
    G, plan = train.generator, train.pretraining
    assert plan is not None
    assert isinstance(G, MlpGenerator)
    last: dict[str, object] = {"hidden": G.hidden[plan.front :]}
    if isinstance(G.activation, tuple):
        last["activation"] = G.activation[plan.front :]
    if G.biases is not None:
        last["biases"] = G.biases[plan.front :]
    return train.model_copy(
        update={
            "pretraining": None,
            "steps": plan.steps,
            "noise": train.noise.model_copy(update={"dim": G.hidden[plan.front - 1]}),
            "generator": G.model_copy(update=last),
        }
    )


def first_seed(seed: int) -> int:
    """Seed of the first game; negative, so that no run shares it."""
    return -1 - seed


def behind(front: int, weights: dict[str, Tensor]) -> dict[str, Tensor]:
    """`weights` of the first game's G under the names that they have behind `front` hidden layers."""

    def name(key: str) -> str:
        part, _, rest = key.partition(".")
        if part != "hidden":
            return key
        index, _, rest = rest.partition(".")
        return f"hidden.{front + int(index)}.{rest}"

    return {name(key): tensor for key, tensor in weights.items()}
