"""Small trainings of any family, played to their ends in memory."""

import copy
from typing import Any

import torch
from torch import Tensor

from pipeline.models.common.learner import Training
from pipeline.models.common.saved import SavedModel

CPU = torch.device("cpu")


def played(
    kind: type[Training], train: Any, images: Tensor, halt: int | None = None, seed: int = 0
) -> Any:
    """A training of class `kind` at its end; at step `halt` another one takes over its state."""
    training = kind(train, seed, images, CPU)
    while training.step < train.steps:
        training.advance()
        if training.step == halt:
            state = copy.deepcopy(training.state_dict())
            training = kind(train, seed, images, CPU)
            training.load_state_dict(state)
    return training


def goes_on_in_the_same_bits(kind: type[Training], train: Any, images: Tensor) -> None:
    """Assert that a halted training ends in the bits of one that was not, and another seed in others."""
    whole = played(kind, train, images).weights()
    halted = played(kind, train, images, halt=17).weights()
    assert list(whole) == list(halted)
    assert all(torch.equal(whole[key], halted[key]) for key in whole)
    other = played(kind, train, images, seed=1).weights()
    assert any(not torch.equal(whole[key], other[key]) for key in whole)


def saved_of(kind: type[SavedModel], training: Training) -> Any:
    """The trained model that the file of `training` would be."""
    about = {
        "train": training.settings.model_dump(mode="json"),
        "image_shape": training.image_shape,
        "classes": 0,
        "seed": training.seed,
    }
    return kind(about, training.weights(), "model.safetensors")


def drawn(saved: SavedModel, count: int) -> tuple[Tensor, ...]:
    """`count` samples in each view, the same again from the same seed; asserts that they are, and their range."""
    first, again = (
        [torch.cat(parts) for parts in zip(*saved.samples("raw", count, 20, seed=0), strict=True)]
        for _ in range(2)
    )
    assert len(first) == 1 + len(saved.views)
    for one, same in zip(first, again, strict=True):
        assert one.shape == (count, *saved.image_shape)
        assert torch.equal(one, same)
        assert one.abs().max() <= 1
    return tuple(first)
