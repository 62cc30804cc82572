import pytest

from pipeline.gan import devices, monitor

HEALTHY = {"d_real": 0.6, "d_fake": 0.4, "g_gradient_norm": 1.0, "d_gradient_norm": 1.0}


@pytest.mark.parametrize(
    ("change", "verdict"),
    [
        ({}, "healthy"),
        ({"d_real": 0.999, "d_fake": 0.001}, "discriminator_won"),
        ({"g_gradient_norm": 250.0}, "exploding_gradient"),
        ({"d_gradient_norm": 250.0}, "exploding_gradient"),
    ],
)
def test_a_failure_is_named_with_a_hint(change: dict, verdict: str):
    judged = monitor.judge([HEALTHY] * 90 + [HEALTHY | change] * 10)
    assert judged.verdict == verdict
    assert bool(judged.hint) == (verdict != "healthy")


def test_trouble_that_is_over_does_not_count():
    assert (
        monitor.judge([HEALTHY | {"d_gradient_norm": 1e6}] * 50 + [HEALTHY] * 50).verdict
        == "healthy"
    )


def test_a_device_that_is_not_there_is_refused():
    with pytest.raises(devices.TrainingError, match="this machine offers only"):
        devices.choose("cuda" if not devices.torch.cuda.is_available() else "mps")
