"""What a monitor sees in real games, and what the loop does about it."""

import copy

import pytest
import torch

from pipeline.compute import devices
from pipeline.errors import TrainingError
from pipeline.models.common import checkpoints, loop
from pipeline.models.common.loop import Verdict
from pipeline.models.gan.monitor import Monitor, spread
from pipeline.models.gan.training import Training
from tests.models.gan.test_training import CPU, images, settings_with


@pytest.fixture(autouse=True, scope="module")
def one_thread():
    """Nets so small only wait for each other's threads."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


def test_the_first_hundreds_of_steps_are_measured_densely_however_rarely_a_row_is_logged():
    monitor = Monitor(settings_with({"steps": 20_000, "log_steps": 5_000}), print)
    due = [step for step in range(1, 20_001) if monitor.due(step)]
    assert due[:100] == list(range(10, 1_001, 10))
    assert len(due) < 400
    for step in range(200, 20_001, 100):  # what is judged is the last tenth, and 100 steps at least
        assert sum(step - max(100, step / 10) < each <= step for each in due) >= 5


def test_spread_is_the_mean_distance_between_images():
    corners = torch.tensor([[0.0, 0.0], [3.0, 4.0], [0.0, 0.0]]).view(3, 1, 1, 2)
    assert spread(corners) == pytest.approx(10 / 3)


def adam(lr: float) -> dict:
    return {"optimizer": {"name": "adam", "lr": lr}}


def sgd(lr: float) -> dict:
    return {"optimizer": {"name": "sgd", "lr": lr}}


STEPS = 300
# Games that really go wrong, each in its own way.
FAILURES: dict[str, dict] = {
    # D sees through a G that hardly moves
    "discriminator_won": {
        "generator": adam(1e-5),
        "discriminator": {"hidden": [64], "dropout_hidden": 0.0, **adam(3e-2)},
    },
    # section 6 of the paper: G moves much while D does not, and finds the one image D likes best
    "collapse": {
        "generator": {"hidden": [64, 64], "norm": "none", **adam(3e-2)},
        "discriminator": {"hidden": [64], "dropout_hidden": 0.0, **adam(3e-3)},
    },
    "generator_fooling": {"generator": adam(1e-2), "discriminator": adam(1e-6)},
    "exploding_gradient": {
        "generator": adam(1e-4),
        "discriminator": {"init": {"name": "he", "gain": 30}},
    },
    "unstable": {"generator": adam(0.1), "discriminator": adam(0.3)},
    "not_a_number": {
        "generator": {"output": "linear", "init": {"name": "he", "gain": 100}, **sgd(10.0)},
        "discriminator": {"init": {"name": "he", "gain": 100}, **sgd(10.0)},
    },
}


ROW = ("d_loss", "g_loss", "d_real", "d_fake", "g_gradient_norm", "d_gradient_norm", "diversity")


class Said(list):
    def __call__(self, line: str) -> None:
        self.append(line)


class Killer:
    """Sees nothing, and dies after so many steps."""

    def __init__(self, after: int):
        self.after = after

    def advanced(self) -> None:
        self.after -= 1
        if self.after == 0:
            raise KeyboardInterrupt

    def begin(self) -> None: ...

    def measured(self, row: dict) -> None: ...

    def went_back(self) -> None: ...

    def look(self) -> None: ...


def watched(
    changes: dict, checkpoint=None, interrupt_after: int = 0, **policy
) -> tuple[Training, Monitor, Verdict, Said]:
    """A short training under a monitor; with a `checkpoint`, killed after so many steps and run again."""
    settings = settings_with({"steps": STEPS, "log_steps": 100, "monitor": policy, **changes})
    said = Said()
    for after in (interrupt_after, 0) if interrupt_after else (0,):
        training, monitor = Training(settings, 0, images(), CPU), Monitor(settings, said)
        parts = {"training": training, "monitor": monitor}

        def save(parts=parts) -> None:
            checkpoints.save(checkpoint, parts)

        if checkpoint:
            checkpoints.restore(checkpoint, parts, print)
        try:
            loop.run(training, monitor, Killer(after), save if checkpoint else lambda: None)
        except KeyboardInterrupt:
            assert after
    return training, monitor, monitor.verdict(), said


@pytest.mark.parametrize("failure", FAILURES)
def test_a_real_failure_is_caught_under_its_name_while_it_happens(failure: str):
    training, monitor, verdict, _ = watched(FAILURES[failure], policy="stop")
    assert verdict.verdict == failure
    assert verdict.hint
    assert training.step < training.settings.steps
    # what is left can be sampled and drawn
    assert all(weights.isfinite().all() for weights in training.weights().values())
    assert monitor.rows
    assert monitor.rows[-1]["step"] <= training.step


def test_a_healthy_training_goes_to_its_end_without_a_word():
    training, _, verdict, said = watched({}, policy="rollback")
    assert (verdict.verdict, training.step, said) == ("healthy", STEPS, [])


def test_a_warning_is_given_once_with_a_hint_and_training_goes_on():
    training, _, verdict, said = watched(FAILURES["generator_fooling"])
    assert training.step == STEPS
    assert verdict.verdict == "generator_fooling"
    assert len(said) == 1
    assert "Raise D's learning rate" in said[0]


@pytest.mark.parametrize("policy", ["warn", "stop", "rollback"])
def test_a_number_that_is_not_there_from_the_first_step_leaves_nothing_to_keep(policy, monkeypatch):
    """Under `warn` the run fails wherever it happens; otherwise only before anything good was seen."""
    advance = Training.advance
    monkeypatch.setattr(
        Training, "advance", lambda self: advance(self) | {"d_loss": torch.tensor(float("nan"))}
    )
    with pytest.raises(TrainingError, match=r"d_loss nan, .* Lower the learning rates"):
        watched({}, policy=policy)


TOO_FAST = {"generator": sgd(10.0), "discriminator": sgd(10.0)}
CURE = {"policy": "rollback", "learning_rate_factor": 0.1, "rollbacks": 5, "good_steps": 6}


@pytest.fixture(scope="module")
def cured() -> tuple[Training, Monitor, Verdict, Said]:
    return watched(TOO_FAST, **CURE)


def test_a_rollback_cures_learning_rates_that_are_too_high(cured):
    with pytest.raises(TrainingError, match="diverged"):
        watched(TOO_FAST)
    training, monitor, verdict, said = cured
    assert training.step == STEPS
    assert 1 <= monitor.rollbacks <= 5
    assert len(said) == monitor.rollbacks
    assert training.learning_rate_factor == pytest.approx(0.1**monitor.rollbacks)
    assert "Back to step" in said[0]
    assert "after going back" in verdict.reason
    steps = [row["step"] for row in monitor.rows]
    assert steps == sorted(set(steps))  # the rows of the failed attempts are gone


@pytest.mark.parametrize("steps_before", [20, 60])
def test_a_killed_training_rolls_back_as_an_uninterrupted_one(
    steps_before: int, cured, tmp_path, monkeypatch
):
    """Killed before the rollback or after; the same verdict, measurements and bits."""
    monkeypatch.setattr(loop, "CHECKPOINT_SECONDS", 0)
    whole, monitor, verdict, _ = cured
    resumed, monitor_2, verdict_2, _ = watched(
        TOO_FAST, tmp_path / "checkpoint.pt", steps_before, **CURE
    )
    assert verdict == verdict_2
    assert monitor.rows == monitor_2.rows
    for name, weights in whole.weights().items():
        assert torch.equal(weights, resumed.weights()[name]), name


def test_a_resumed_training_stores_no_state_that_an_uninterrupted_one_does_not():
    monitor = Monitor(settings_with({"monitor": {"policy": "stop", "good_steps": 5}}), print)
    for step in (0, 10):
        if step:
            monitor.judge(dict.fromkeys(ROW, 0.5) | {"step": step})
        assert monitor.wants_state(step)
        monitor.remember({"step": step})
    assert not monitor.wants_state(17)  # goes on from a checkpoint between two measurements
    monitor.judge(dict.fromkeys(ROW, 0.5) | {"step": 20})
    assert monitor.wants_state(20)


def test_rollbacks_come_to_an_end_and_the_verdict_says_so():
    training, monitor, verdict, said = watched(
        FAILURES["generator_fooling"], policy="rollback", learning_rate_factor=1.0, rollbacks=2
    )
    assert monitor.rollbacks == len(said) == 2
    assert verdict.verdict == "generator_fooling"
    assert verdict.reason.endswith("after going back 2 times")
    assert training.step < STEPS


def test_after_a_rollback_the_random_numbers_are_others():
    """The same ones would fail the same way."""
    policy = {"policy": "rollback", "learning_rate_factor": 0.5}
    training = Training(settings_with({"monitor": policy}), 0, images(), CPU)
    training.advance()
    kept = copy.deepcopy(training.state_dict())
    weights = training.G.vector.detach().clone()
    first = training.advance()["d_loss"]
    training.go_back(kept)
    assert torch.equal(training.G.vector, weights)
    assert (training.step, training.learning_rate_factor) == (1, 0.5)
    assert training.advance()["d_loss"] != first


def test_a_device_that_is_not_there_is_refused():
    with pytest.raises(devices.TrainingError, match="this machine offers only"):
        devices.choose("cuda" if not devices.torch.cuda.is_available() else "mps")


def test_measuring_moves_nothing():
    """Whether every step is measured or none: the same bits."""
    one, other = (Training(settings_with({}), 0, images(), CPU) for _ in range(2))
    for _ in range(10):
        one.measure(one.advance())
        other.advance()
    for name, weights in one.weights().items():
        assert torch.equal(weights, other.weights()[name]), name
