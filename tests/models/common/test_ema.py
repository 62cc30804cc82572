import pytest
import torch

from pipeline.config.models.common.ema import ExponentialAverage, PowerAverage
from pipeline.models.common.ema import update_ema


def averages(settings, values: list[float]) -> list[float]:
    average = torch.zeros(1)
    seen = []
    for step, weight in enumerate(values, start=1):
        update_ema(average, torch.tensor([weight]), settings, step)
        seen.append(average.item())
    return seen


def test_the_exponential_average_starts_as_a_plain_mean_and_then_forgets():
    settings = ExponentialAverage(name="exponential", decay=0.5)
    assert averages(settings, [1.0, 2.0, 3.0]) == [1.0, 1.5, 2.25]


def test_the_exponential_average_may_forget_ever_more_slowly():
    """From all of a step's weights at first to half of them after two; the mean of all is longer than either."""
    course = {"start": 0.01, "end": 0.5, "steps": 4}
    settings = ExponentialAverage.model_validate({"name": "exponential", "decay": course})
    found, expected = averages(settings, [1.0, 2.0, 3.0, 4.0, 5.0]), 0.0
    for step, value in enumerate([1.0, 2.0, 3.0, 4.0, 5.0], start=1):
        share = max(1 / step, 1 - (0.01 + 0.49 * min(1, step / 4)))
        expected += share * (value - expected)
        assert found[step - 1] == pytest.approx(expected, rel=1e-6)


def test_the_power_average_weighs_step_s_by_a_power_of_s():
    """Exponent 0 is the plain mean; exponent 1 counts late steps about in proportion to their number."""
    settings = PowerAverage(name="power", exponent=0)
    assert averages(settings, [1.0, 2.0, 3.0])[-1] == pytest.approx(2.0)
    values = [float(step) for step in range(1, 1001)]
    linear = averages(PowerAverage(name="power", exponent=1), values)[-1]
    assert linear == pytest.approx(sum(s * s for s in values) / sum(values), rel=2e-3)


def test_averaging_every_so_many_steps_skips_the_others():
    settings = ExponentialAverage(name="exponential", decay=0.5**0.5, every_steps=2)
    assert averages(settings, [9.0, 1.0, 9.0, 2.0, 9.0, 3.0]) == pytest.approx(
        [0, 1.0, 1.0, 1.5, 1.5, 2.25]
    )
