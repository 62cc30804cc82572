"""A training that ends as if the power had failed."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest

from pipeline.models.common import loop
from pipeline.models.gan.training import Training


@contextmanager
def failing(monkeypatch: pytest.MonkeyPatch, when: Callable[[Training], bool]) -> Iterator[None]:
    """Inside, a GAN's training must end before the first step for which `when` holds; from here on there is a checkpoint
    after every step."""
    advance = Training.advance

    def crash(self: Training) -> dict:
        if when(self):
            raise RuntimeError("the power failed")
        return advance(self)

    monkeypatch.setattr(loop, "CHECKPOINT_SECONDS", 0)
    with monkeypatch.context() as patch:
        patch.setattr(Training, "advance", crash)
        with pytest.raises(RuntimeError, match="the power failed"):
            yield
