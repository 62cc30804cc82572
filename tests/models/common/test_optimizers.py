import pytest
import torch

from pipeline.config.models.common.optimizers import Adam, Cosine, Linear, RmsProp
from pipeline.config.params import load
from pipeline.models.common import optimizers
from tests.conftest import ROOT


def paper_sgd():
    return load(ROOT / "recipes/paper.yaml").runs["paper"].train.generator.optimizer


def test_classical_momentum_keeps_the_learning_rate_inside_the_velocity():
    """v <- m v - lr g; p <- p + v, by hand with an lr that changes."""
    p = torch.tensor([1.0], dtype=torch.float64, requires_grad=True)
    optimizer = optimizers.ClassicalMomentum([p], lr=0.1, momentum=0.5)
    value, velocity = 1.0, 0.0
    for lr in (0.1, 0.05, 0.01):
        optimizer.param_groups[0]["lr"] = lr
        p.grad = 2 * p.detach()
        velocity = 0.5 * velocity - lr * 2 * value
        value += velocity
        optimizer.step()
        assert p.item() == pytest.approx(value, abs=1e-15)


def test_the_authors_learning_rate_halves_in_173287_updates_and_has_a_floor():
    settings = paper_sgd()
    assert optimizers.learning_rate(settings, 0, 1) == 0.1
    assert optimizers.learning_rate(settings, 173_287, 1) == pytest.approx(0.05, rel=1e-5)
    assert optimizers.learning_rate(settings, 3_000_000, 1) == 1e-6


def test_a_rate_divided_by_more_than_the_largest_float_is_at_its_floor():
    """1.001 ** 720,000 is beyond it."""
    fast = paper_sgd().schedule.model_copy(update={"factor_per_update": 1.001})
    settings = paper_sgd().model_copy(update={"schedule": fast})
    assert optimizers.learning_rate(settings, 720_000, 1) == 1e-6
    before, after = (optimizers.learning_rate(settings, step, 1) for step in (11_500, 11_600))
    assert before > after == 1e-6
    without = settings.model_copy(update={"schedule": fast.model_copy(update={"floor": 0.0})})
    assert optimizers.learning_rate(without, 720_000, 1) == 0.0
    assert 0 < optimizers.learning_rate(without, 700_000, 1) < 1e-300


def test_the_authors_momentum_goes_from_one_half_to_seven_tenths_by_epoch_250():
    settings = paper_sgd().momentum
    assert optimizers.momentum(settings, 0) == 0.5
    assert optimizers.momentum(settings, 1) == pytest.approx(0.5 + 0.2 / 249)
    assert optimizers.momentum(settings, 249) == pytest.approx(0.7)
    assert optimizers.momentum(settings, 1000) == pytest.approx(0.7)


def test_a_linear_schedule_ends_at_its_factor():
    settings = Adam(name="adam", lr=0.01, schedule=Linear(name="linear", end_factor=0.1))
    rates = [optimizers.learning_rate(settings, step, 100) for step in (0, 50, 100)]
    assert rates == pytest.approx([0.01, 0.0055, 0.001])


def test_a_cosine_schedule_is_half_way_at_half_time():
    cosine = Cosine(name="cosine", end_factor=0.1, warmup_steps=2)
    settings = Adam(name="adam", lr=0.01, schedule=cosine)
    rates = [optimizers.learning_rate(settings, step, 100) for step in (0, 50, 75, 100)]
    quarter = 0.01 * (1 - 0.9 * (1 + 0.5**0.5) / 2)
    assert rates == pytest.approx([0.005, 0.0055, quarter, 0.001], rel=1e-3)


def test_adam_with_betas_by_course_eps_and_decay_of_weights():
    """By hand; the weights shrink by their own step, not by the gradient's (Loshchilov 2019, Algorithm 2)."""
    beta2 = {"start": 0.5, "end": 0.9, "steps": 2}
    settings = Adam.model_validate(
        {"name": "adam", "lr": 0.1, "beta1": 0.0, "beta2": beta2, "eps": 0.01, "weight_decay": 0.3}
    )
    p = torch.tensor([1.0], dtype=torch.float64, requires_grad=True)
    optimizer = optimizers.build(settings, p)
    value, square = 1.0, 0.0
    for step, beta in enumerate((0.5, 0.7, 0.9, 0.9)):
        optimizers.schedule(optimizer, settings, step, 4, epoch=0)
        gradient = 2 * value
        p.grad = torch.tensor([gradient], dtype=torch.float64)
        square = beta * square + (1 - beta) * gradient**2
        value -= 0.1 * 0.3 * value
        value -= 0.1 * gradient / ((square / (1 - beta ** (step + 1))) ** 0.5 + 0.01)
        optimizer.step()
        assert p.item() == pytest.approx(value, abs=1e-12)


def test_a_course_is_written_as_the_number_that_it_is():
    """Tables of settings, and files that hold them, show 0.5."""
    settings = Adam(name="adam", lr=0.01)
    assert settings.model_dump(mode="json")["beta1"] == 0.5
    course = {"start": 0.9, "end": 0.99, "steps": 7}
    changed = Adam.model_validate({"name": "adam", "lr": 0.01, "beta2": course})
    assert changed.model_dump(mode="json")["beta2"] == course
    for one in (settings, changed):
        assert Adam.model_validate(one.model_dump(mode="json")) == one


def test_rmsprop_divides_by_the_root_mean_square_of_the_gradient():
    """By hand, with a rate that a rollback has halved."""
    settings = RmsProp(name="rmsprop", lr=0.1, decay=0.9, schedule=Linear(name="linear"))
    p = torch.tensor([1.0], dtype=torch.float64, requires_grad=True)
    optimizer = optimizers.build(settings, p)
    value, square = 1.0, 0.0
    for step in range(3):
        optimizers.schedule(optimizer, settings, step, 4, epoch=0, factor=0.5)
        p.grad = 2 * p.detach()
        square = 0.9 * square + 0.1 * (2 * value) ** 2
        value -= 0.5 * 0.1 * (1 - step / 4) * 2 * value / (square**0.5 + 1e-8)
        optimizer.step()
        assert p.item() == pytest.approx(value, abs=1e-12)


@pytest.mark.parametrize("decay", [0.0, 0.01])
def test_adam_takes_gradients_from_where_they_lie_with_the_bits_of_one_vector(decay):
    """Against torch's own on the whole vector, whose last 5 numbers fill no register."""
    settings = Adam(name="adam", lr=0.01, weight_decay=decay)
    stream = torch.Generator().manual_seed(0)
    weights = torch.randn(48 + 2**16 + 21, generator=stream)
    ours, theirs = (torch.nn.Parameter(weights.clone()) for _ in range(2))
    optimizer = optimizers.build(settings, ours)
    reference = torch.optim.Adam(
        [theirs],
        0.01,
        (0.5, 0.999),
        weight_decay=decay,
        fused=True,
        decoupled_weight_decay=decay > 0,
    )
    for _ in range(3):
        theirs.grad = torch.randn(weights.shape, generator=stream)
        ours.grad = theirs.grad.clone()
        ours.grad[48 : 48 + 2**16] = torch.nan
        assert isinstance(optimizer, optimizers.VectorAdam)
        optimizer.apart = [(48, theirs.grad[48 : 48 + 2**16].clone())]
        optimizer.step()
        reference.step()
    assert torch.equal(ours, theirs)
    optimizer.gather()
    assert torch.equal(ours.grad, theirs.grad)
    ours_state, theirs_state = optimizer.state_dict(), reference.state_dict()
    assert ours_state["param_groups"][0].keys() == theirs_state["param_groups"][0].keys()
    for name, value in theirs_state["state"][0].items():
        assert torch.equal(ours_state["state"][0][name], value)
