"""What is called a failure, on measurements made up for it."""

import pytest

from pipeline.models.gan.failures import Yardstick, judge
from tests.models.gan.test_hybrids import hybrid_settings
from tests.models.gan.test_training import settings_with

HEALTHY = {
    "d_loss": 1.3,
    "g_loss": 0.8,
    "d_real": 0.6,
    "d_fake": 0.4,
    "g_gradient_norm": 1.0,
    "d_gradient_norm": 1.0,
    "diversity": 0.9,
}
PAPERS = Yardstick.of(settings_with({}))
NAN = float("nan")


def rows(*columns: dict) -> list[dict]:
    """Ten steps apart."""
    return [{"step": 10 * index, **row} for index, row in enumerate(columns, start=1)]


@pytest.mark.parametrize(
    ("change", "verdict"),
    [
        ({}, "healthy"),
        ({"d_real": 0.999, "d_fake": 0.001}, "discriminator_won"),
        ({"d_real": 0.999}, "healthy"),  # certain of one side only
        ({"d_fake": 0.001}, "healthy"),
        ({"d_real": 0.98, "d_fake": 0.02}, "healthy"),
        ({"g_gradient_norm": 250.0}, "exploding_gradient"),
        ({"d_gradient_norm": 250.0}, "exploding_gradient"),
        ({"d_fake": 0.95}, "generator_fooling"),
        ({"d_fake": 0.8}, "healthy"),
        ({"diversity": 0.05}, "collapse"),
        ({"d_loss": NAN}, "not_a_number"),
        ({"g_gradient_norm": float("inf")}, "not_a_number"),
    ],
)
def test_a_failure_is_named_with_a_hint(change: dict, verdict: str):
    judged = judge(rows(*[HEALTHY] * 90, *[HEALTHY | change] * 10), PAPERS)
    assert judged.verdict == verdict
    assert bool(judged.hint) == (verdict != "healthy")
    assert judged.reason.startswith("no failure seen") == (verdict == "healthy")


@pytest.mark.parametrize(
    ("before", "at_step", "verdict"),
    [
        (0.9, 300, "collapse"),  # it fell
        (0.05, 300, "healthy"),  # the paper's nets start so
        (0.05, 12_600, "collapse"),  # and should be apart after a tenth of the training
    ],
)
def test_samples_that_were_never_apart_have_not_fallen_together(before, at_step, verdict):
    yardstick = Yardstick.of(settings_with({"steps": 125_000}))
    start = [{"step": 10, **HEALTHY, "diversity": before}]
    now = [{"step": at_step + i, **HEALTHY, "diversity": 0.05} for i in range(-90, 1, 10)]
    assert judge(start + now, yardstick).verdict == verdict


def test_a_failure_has_to_last():
    """Ten measurements are judged; three of D's greatest certainty do not make it the winner."""
    won = {"d_real": 1.0, "d_fake": 0.0}
    assert judge(rows(*[HEALTHY] * 47, *[HEALTHY | won] * 3), PAPERS).verdict == "healthy"
    assert (
        judge(rows(*[HEALTHY] * 40, *[HEALTHY | won] * 10), PAPERS).verdict == "discriminator_won"
    )


def test_trouble_that_is_over_does_not_count():
    log = rows(*[HEALTHY | {"d_gradient_norm": 1e6}] * 50, *[HEALTHY] * 50)
    assert judge(log, PAPERS).verdict == "healthy"


def test_a_loss_of_g_that_falls_steadily_is_a_warning_before_d_is_fooled_for_good():
    falling = rows(*[HEALTHY | {"d_fake": 0.8, "g_loss": 1 - i / 30} for i in range(30)])
    assert judge(falling, PAPERS).verdict == "generator_fooling"


@pytest.mark.parametrize(
    ("labels", "real", "fake"),
    [
        ({}, 1.0, 0.0),
        ({"real": 0.9}, 0.9, 0.0),  # one-sided
        ({"real": [0.7, 1.2], "fake": [0.0, 0.3]}, 0.95, 0.15),  # soft
        ({"flip": 0.05}, 0.95, 0.05),  # noisy
    ],
)
def test_d_has_won_where_it_says_what_its_targets_ask_for(labels: dict, real: float, fake: float):
    """It cannot say more: D(x) = 0.95 is all that soft labels allow, and 0.8 is not that."""
    yardstick = Yardstick.of(settings_with({"labels": labels}))
    won = {"d_real": real - 0.005 * (real < 1), "d_fake": fake + 0.002}
    assert judge(rows(*[HEALTHY | won] * 20), yardstick).verdict == "discriminator_won"
    for half in (won | {"d_real": real - 0.1}, won | {"d_fake": fake + 0.1}):
        assert judge(rows(*[HEALTHY | half] * 20), yardstick).verdict == "healthy"


def test_beside_reconstructions_d_is_at_a_third():
    """A VAE/GAN's D sees two kinds of fakes: 1/3 is its equilibrium, 2/3 is half of the way to 1."""
    plain, hybrid = PAPERS, Yardstick.of(hybrid_settings("vae_gan"))
    assert hybrid.towards_real(1 / 3) == pytest.approx(0)
    assert hybrid.towards_real(2 / 3) == pytest.approx(0.5)
    fooled = rows(*[HEALTHY | {"d_fake": 0.88}] * 20)
    assert judge(fooled, plain).verdict == "healthy"
    assert judge(fooled, hybrid).verdict == "generator_fooling"


@pytest.mark.parametrize("loss", ["hinge", "relativistic", "wasserstein", "least_squares"])
def test_a_critic_that_is_sure_of_all_images_still_teaches_g(loss: str):
    """Its outputs are no probabilities: said as they are, and judged by their own scale."""
    yardstick = Yardstick.of(settings_with({"loss": loss, "r1": {}}))
    sure = HEALTHY | {"d_real": 14.0, "d_fake": -7.5, "d_loss": 0.1}
    found = judge(rows(*[sure] * 20), yardstick)
    assert found.verdict == "healthy"
    assert "critic: 14 of data, -7.5 of samples at the end, 21.5 apart" in found.reason
    assert judge(rows(*[sure | {"diversity": 0.05}] * 20), yardstick).verdict == "collapse"
    fooled = judge(rows(*[sure | {"d_real": 1.0, "d_fake": 0.95}] * 20), yardstick).verdict
    assert fooled == ("generator_fooling" if loss == "least_squares" else "healthy")


@pytest.mark.parametrize(("scale", "verdict"), [(1.0, "unstable"), (4.0, "healthy")])
def test_a_jumping_loss_is_measured_against_its_value_at_equilibrium(scale: float, verdict: str):
    """From 0.3 to 2.3 are 2 nats; half of log 4 is 0.69, of four times that 2.77."""
    log = rows(*[HEALTHY | {"d_loss": 1.3 + (-1) ** i} for i in range(30)])
    assert (
        judge(log, Yardstick.of(settings_with({"discriminator_loss_scale": scale}))).verdict
        == verdict
    )


def test_one_peak_of_the_loss_is_not_unstable():
    """The paper's recipe has one when G first moves, from 0.05 to 2.4."""
    log = rows(*[HEALTHY | {"d_loss": 10.0 if i == 20 else 1.3} for i in range(30)])
    assert judge(log, PAPERS).verdict == "healthy"


def test_a_loss_that_falls_is_not_unstable():
    log = rows(*[HEALTHY | {"d_loss": 6 - i / 6} for i in range(30)])
    assert judge(log, PAPERS).verdict == "healthy"
