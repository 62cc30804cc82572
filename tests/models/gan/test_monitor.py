import io

import pytest
import torch

from pipeline.compute import devices
from pipeline.errors import TrainingError
from pipeline.models.gan import monitor
from pipeline.models.gan.monitor import Monitor, Verdict
from pipeline.models.gan.training import Training
from pipeline.stages.train import measure
from tests.models.gan.test_training import CPU, images, settings_with

HEALTHY = {
    "d_loss": 1.3,
    "g_loss": 0.8,
    "d_real": 0.6,
    "d_fake": 0.4,
    "g_gradient_norm": 1.0,
    "d_gradient_norm": 1.0,
    "diversity": 0.9,
}


@pytest.fixture(autouse=True, scope="module")
def one_thread():
    """Nets so small only wait for each other's threads."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


def rows(*columns: dict) -> list[dict]:
    return [{"step": step, **row} for step, row in enumerate(columns, start=1)]


@pytest.mark.parametrize(
    ("change", "verdict"),
    [
        ({}, "healthy"),
        ({"d_real": 0.999, "d_fake": 0.001}, "discriminator_won"),
        ({"g_gradient_norm": 250.0}, "exploding_gradient"),
        ({"d_gradient_norm": 250.0}, "exploding_gradient"),
        ({"d_fake": 0.95}, "generator_fooling"),
        ({"d_fake": 0.8}, "healthy"),
        ({"diversity": 0.05}, "collapse"),
        ({"d_loss": float("nan")}, "not_a_number"),
        ({"g_gradient_norm": float("inf")}, "not_a_number"),
    ],
)
def test_a_failure_is_named_with_a_hint(change: dict, verdict: str):
    judged = monitor.judge(rows(*[HEALTHY] * 90, *[HEALTHY | change] * 10))
    assert judged.verdict == verdict
    assert bool(judged.hint) == (verdict != "healthy")


def test_trouble_that_is_over_does_not_count():
    log = rows(*[HEALTHY | {"d_gradient_norm": 1e6}] * 50, *[HEALTHY] * 50)
    assert monitor.judge(log).verdict == "healthy"


def test_a_loss_of_g_that_falls_steadily_is_a_warning_before_d_is_fooled_for_good():
    falling = rows(*[HEALTHY | {"d_fake": 0.8, "g_loss": 1 - i / 30} for i in range(30)])
    assert monitor.judge(falling).verdict == "generator_fooling"


@pytest.mark.parametrize(("scale", "verdict"), [(1.0, "unstable"), (4.0, "healthy")])
def test_a_jumping_loss_is_measured_against_its_value_at_equilibrium(scale: float, verdict: str):
    """Rows of 0.3 and 2.3 jump by 2 / sqrt 2 = 1.41 nats; half of log 4 is 0.69."""
    log = rows(*[HEALTHY | {"d_loss": 1.3 + (-1) ** i} for i in range(30)])
    assert monitor.judge(log, scale).verdict == verdict


def test_a_loss_that_falls_is_not_unstable():
    log = rows(*[HEALTHY | {"d_loss": 6 - i / 6} for i in range(30)])
    assert monitor.judge(log).verdict == "healthy"


def test_spread_is_the_mean_distance_between_images():
    corners = torch.tensor([[0.0, 0.0], [3.0, 4.0], [0.0, 0.0]]).view(3, 1, 1, 2)
    assert monitor.spread(corners) == pytest.approx(10 / 3)


def adam(lr: float) -> dict:
    return {"optimizer": {"name": "adam", "lr": lr}}


def sgd(lr: float) -> dict:
    return {"optimizer": {"name": "sgd", "lr": lr}}


STEPS = 99
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
        "generator": {"output": "linear", **sgd(100.0)},
        "discriminator": sgd(100.0),
    },
}


class Said(list):
    def __call__(self, line: str) -> None:
        self.append(line)


def through_a_file(state):
    file = io.BytesIO()
    torch.save(state, file)
    file.seek(0)
    return torch.load(file, weights_only=True)


def watched(
    changes: dict, interrupt_after: int = 0, **policy
) -> tuple[Training, Monitor, Verdict, Said]:
    """A short training under a monitor, as the stage runs it; after so many steps by another process."""
    settings = settings_with({"steps": STEPS, "log_steps": 3, "monitor": policy, **changes})
    training, said = Training(settings, 0, images(), CPU), Said()
    watch = Monitor(settings, said)
    watch.begin(training)
    verdict, done = None, 0
    while verdict is None and training.step < settings.steps:
        seen = training.advance()
        done += 1
        if watch.due(training.step):
            verdict = watch.see(measure(training, seen, 1.0), training)
        if done == interrupt_after:
            state = through_a_file([training.state_dict(), watch.state_dict()])
            training, watch = Training(settings, 0, images(), CPU), Monitor(settings, said)
            training.load_state_dict(state[0])
            watch.load_state_dict(state[1])
    return training, watch, verdict or watch.verdict(), said


@pytest.mark.parametrize("failure", FAILURES)
def test_a_real_failure_is_caught_under_its_name_while_it_happens(failure: str):
    training, watch, verdict, _ = watched(FAILURES[failure], policy="stop")
    assert verdict.verdict == failure
    assert verdict.hint
    assert training.step < training.settings.steps
    # what is left can be sampled and drawn
    assert all(weights.isfinite().all() for weights in training.weights().values())
    assert watch.rows
    assert watch.rows[-1]["step"] <= training.step


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
    training, watch, verdict, said = cured
    assert training.step == STEPS
    assert 1 <= watch.rollbacks <= 5
    assert len(said) == watch.rollbacks
    assert training.learning_rate_factor == pytest.approx(0.1**watch.rollbacks)
    assert "Back to step" in said[0]
    assert "after going back" in verdict.reason
    steps = [row["step"] for row in watch.rows]
    assert steps == sorted(set(steps))  # the rows of the failed attempts are gone


@pytest.mark.parametrize("steps_before", [20, 60])
def test_a_resumed_training_rolls_back_as_an_uninterrupted_one(steps_before: int, cured):
    """Interrupted before the rollback or after; bit for bit."""
    whole, watch, *_ = cured
    resumed, watch_2, *_ = watched(TOO_FAST, interrupt_after=steps_before, **CURE)
    assert watch.rows == watch_2.rows
    for name, weights in whole.weights().items():
        assert torch.equal(weights, resumed.weights()[name]), name


def test_rollbacks_come_to_an_end_and_the_verdict_says_so():
    training, watch, verdict, said = watched(
        FAILURES["generator_fooling"], policy="rollback", learning_rate_factor=1.0, rollbacks=2
    )
    assert watch.rollbacks == len(said) == 2
    assert verdict.verdict == "generator_fooling"
    assert verdict.reason.endswith("after going back 2 times")
    assert training.step < STEPS


def test_after_a_rollback_the_random_numbers_are_others():
    """The same ones would fail the same way."""
    settings = settings_with({"monitor": {"policy": "rollback"}})
    training = Training(settings, 0, images(), CPU)
    training.advance()
    kept = through_a_file(training.state_dict())
    weights = training.G.vector.detach().clone()
    first = training.advance()["d_loss"]
    training.go_back(kept, 1.0)
    assert torch.equal(training.G.vector, weights)
    assert training.step == 1
    assert training.advance()["d_loss"] != first


def test_a_device_that_is_not_there_is_refused():
    with pytest.raises(devices.TrainingError, match="this machine offers only"):
        devices.choose("cuda" if not devices.torch.cuda.is_available() else "mps")
