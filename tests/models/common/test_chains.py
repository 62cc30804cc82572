"""What all chains have in common, on one whose every step can be told: it counts its steps."""

import torch
from torch import Tensor

from pipeline.config.models.gsn.train import Train
from pipeline.models.common.chains import SavedChains
from tests.models.small_training import drawn

STEPS = 7


class Counter:
    """Pixels are the number of steps, in hundredths, at most 1."""

    def start(self, pixels_BD: Tensor, stream: torch.Generator) -> tuple[int, Tensor]:
        return 0, pixels_BD

    def move(self, state: tuple[int, Tensor], steps: int, stream: torch.Generator):
        assert steps >= 1
        done = state[0] + steps
        return (done, state[1]), torch.full_like(state[1], min(done / 100, 1))


class Counted(SavedChains):
    settings = Train

    def chain(self, weights: str) -> Counter:
        return Counter()


def saved() -> Counted:
    train = {
        "steps": 1,
        "batch_size": 1,
        "sampling_steps": STEPS,
        "optimizer": {"name": "adam", "lr": 1e-3},
    }
    about = {"train": train, "image_shape": [1, 2, 2], "classes": 0, "seed": 0}
    return Counted(about, {}, "model.safetensors")


def shown(images: Tensor) -> list[int]:
    """The number of steps that each image stands for."""
    assert images.shape[1:] == (1, 2, 2)
    return ((images[:, 0, 0, 0] + 1) * 50).round().int().tolist()


def test_independent_samples_are_as_many_steps_from_where_they_began():
    means, _, _ = drawn(saved(), 45)
    assert shown(means) == [STEPS] * 45


def test_one_chain_shows_every_step_after_the_first_ones():
    _, _, one_chain = drawn(saved(), 45)
    assert shown(one_chain) == [STEPS + 1 + step for step in range(45)]


def test_states_are_bits_with_the_samples_as_their_probabilities():
    _, states, _ = drawn(saved(), 4_000)
    assert set(states.unique().tolist()) == {-1.0, 1.0}
    assert abs((states > 0).double().mean().item() - STEPS / 100) < 0.01


def test_the_wait_counts_every_step(monkeypatch):
    """A step of one or of many chains takes a second on this clock."""
    seconds = iter(range(0, 100, 3))
    monkeypatch.setattr("pipeline.models.common.chains.time.monotonic", lambda: next(seconds))
    wait = saved().wait_for_samples("raw", 45, 20)
    assert wait.seconds == 3 * STEPS + (STEPS + 45)
    assert str(wait).startswith("about 73 seconds: 45 chains of 7 steps, and one of 52")
    assert wait.is_long


def test_a_walk_shows_powers_of_two():
    test = torch.linspace(-1, 1, 5)[:, None, None, None].expand(-1, 1, 2, 2)
    rows = saved().walk("raw", test).images_RSCHW
    assert rows.shape == (4, 10, 1, 2, 2)
    assert torch.equal(rows[:2, 0], test[:2])
    assert shown(rows[0, 1:]) == [1, 2, 4, 8, 16, 32, 64, 100, 100]
