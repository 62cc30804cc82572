"""Failures of a GAN that its measurements show, each with a name, a reason and a hint (ganhacks 10).

"healthy" means that none was seen. It says nothing about the samples: a G that draws one class of two, and
draws it well, shows none of these failures. The evaluation judges samples (pipeline/stages/scores.py).
"""

import itertools
import math
import statistics
from collections.abc import Callable
from dataclasses import dataclass

from pipeline.config.models.gan.autoencoders import Vae
from pipeline.config.models.gan.losses import is_critic
from pipeline.config.models.gan.train import Train
from pipeline.models.common.loop import Row, Verdict
from pipeline.models.gan.game.equilibrium import equilibrium, probability

# Where D stands between its equilibrium (0) and perfect discrimination (1).
CERTAIN = 0.98  # beyond it on both sides, G's gradient vanishes or points nowhere
# The same scale for D(G(z)), with 1 at D's output for real images.
FOOLED = 0.8  # D takes garbage for data
NEARLY_FOOLED = 0.4  # the same while G's loss falls steadily
STEADILY = -0.9  # correlation of a loss with time
GRADIENT_LIMIT = 100.0  # ganhacks, tip 10
UNSTABLE = 0.5  # how far D's loss jumps between measurements, in units of its value at equilibrium
COLLAPSED = 0.2  # mean distance between samples, in units of that between real images
APART = 0.4  # samples were this far apart once: below COLLAPSED they have fallen together

# D often wins the first rounds: so the first steps are not judged, and a failure has to last.
START_STEPS = 100
# Nets that start near zero draw the same everywhere at first (the paper's recipe: a distance of 0.05 for 500
# steps). Samples that were never apart are not called collapsed before this share of the training.
START_SHARE = 0.1
RECENT_STEPS = 100  # means are over so many steps, or over a tenth of the steps so far
TREND_STEPS = 300  # trends: over so many steps, or a third of the steps so far
TREND_ROWS = 10  # fewer rows have no trend


@dataclass(frozen=True)
class Yardstick:
    """D's outputs and loss at equilibrium and at perfect discrimination: the scale for measurements.

    For a critic, which may be sure of all images and still teach G, only `d` and `d_loss` count.
    """

    d: float | None  # D(x) and D(G(z)) at equilibrium; None where any constant is as good
    d_loss: float  # D's loss there; 0 where that is no scale
    won_real: float  # D(x) of a D that tells all images apart
    won_fake: float  # D(G(z)) of it
    steps: int  # of the whole training
    adversarial: bool  # whether G learns from D; if not, D may win, and gradients may be large
    critic: bool  # whether D(x) is no probability

    @classmethod
    def of(cls, settings: Train) -> "Yardstick":
        goal = equilibrium(settings)
        return cls(
            d=goal.d,
            d_loss=goal.d_loss,
            won_real=min(1.0, probability(settings, p_data=1, p_g=0)),
            won_fake=max(0.0, probability(settings, p_data=0, p_g=1)),
            steps=settings.steps,
            adversarial=not isinstance(settings.autoencoder, Vae),
            critic=is_critic(settings.loss),
        )

    def towards_real(self, d: float) -> float:
        """`d`, a mean of D, on a scale of 0 at equilibrium to 1 at a perfect D's output for real images."""
        assert self.d is not None
        return (d - self.d) / (self.won_real - self.d)

    def towards_fake(self, d: float) -> float:
        """`d`, a mean of D, on a scale of 0 at equilibrium to 1 at a perfect D's output for fake images."""
        assert self.d is not None
        return (self.d - d) / (self.d - self.won_fake)


def judge(rows: list[Row], yardstick: Yardstick) -> Verdict:
    """The worst failure that the last of `rows` show, or healthy; `rows`: all since the first step."""
    step = rows[-1]["step"]
    recent = since(rows, max(START_STEPS, step - max(RECENT_STEPS, step / 10)))
    trend = since(rows, max(START_STEPS, step - max(TREND_STEPS, step / 3)))
    checks: list[Callable[[], Verdict | None]] = [
        lambda: not_a_number(rows[-1]),
        lambda: collapse(recent, rows, yardstick),
    ]
    if yardstick.adversarial:
        checks.append(lambda: exploding_gradient(recent))
        if not yardstick.critic:
            checks.append(lambda: discriminator_won(recent, yardstick))
        if yardstick.d is not None:
            checks.append(lambda: generator_fooling(recent, trend, yardstick))
        if yardstick.d_loss > 0:
            checks.append(lambda: unstable(trend, yardstick))
    return next((found for check in checks if (found := check())), healthy(recent, yardstick))


def since(rows: list[Row], step: float) -> list[Row]:
    """The rows after `step`; all rows if there are none."""
    return [row for row in rows if row["step"] > step] or rows


def not_a_number(row: Row) -> Verdict | None:
    """Any measurement is NaN or infinite."""
    if all(math.isfinite(number) for number in row.values()):
        return None
    return Verdict(
        "not_a_number",
        f"training diverged at step {row['step']:,.0f}: "
        f"d_loss {row['d_loss']:.3g}, g_loss {row['g_loss']:.3g}",
        "Lower the learning rates, or add train.instance_noise",
    )


def collapse(recent: list[Row], rows: list[Row], yardstick: Yardstick) -> Verdict | None:
    """The Helvetica scenario of section 6: G sends nearly all noise to the same image."""
    diversity = mean(recent, "diversity")
    fell = yardstick.adversarial and max(row["diversity"] for row in rows) >= APART
    if diversity >= COLLAPSED or not (fell or rows[-1]["step"] > START_SHARE * yardstick.steps):
        return None
    return Verdict(
        "collapse",
        f"samples are nearly the same: their mean distance is {diversity:.2g} of that of real images",
        "Train D more for each step of G (train.discriminator_steps), lower G's learning rate, "
        "or add train.replay",
    )


def exploding_gradient(recent: list[Row]) -> Verdict | None:
    """The mean L2 norm of a player's gradient is above GRADIENT_LIMIT."""
    for player in ("g", "d"):
        norm = mean(recent, f"{player}_gradient_norm")
        if norm > GRADIENT_LIMIT:
            return Verdict(
                "exploding_gradient",
                f"{player.upper()}'s gradient norm is {norm:.0f}, above {GRADIENT_LIMIT:.0f}",
                "Lower its learning rate, or add train.instance_noise or train.r1",
            )
    return None


def discriminator_won(recent: list[Row], yardstick: Yardstick) -> Verdict | None:
    """D separates real from fake. Both are checked: a D that calls everything real is sure of real images."""
    real, fake = mean(recent, "d_real"), mean(recent, "d_fake")
    if yardstick.towards_real(real) < CERTAIN or yardstick.towards_fake(fake) < CERTAIN:
        return None
    return Verdict(
        "discriminator_won",
        f"D(x) is {real:.3f} and D(G(z)) {fake:.3f}: G no longer learns",
        "Add train.instance_noise or train.r1, raise discriminator.dropout_hidden, or lower D's "
        "learning rate",
    )


def generator_fooling(recent: list[Row], trend: list[Row], yardstick: Yardstick) -> Verdict | None:
    """D takes samples for data; a lower limit applies while G's loss falls steadily."""
    fake = mean(recent, "d_fake")
    falling = len(trend) >= TREND_ROWS and course(trend, "g_loss") < STEADILY
    fooled = yardstick.towards_real(fake)
    if fooled < NEARLY_FOOLED or (fooled < FOOLED and not falling):
        return None
    return Verdict(
        "generator_fooling",
        f"D(G(z)) is {fake:.3f}{' and the loss of G falls steadily' if falling else ''}: "
        "D takes whatever G draws for data",
        "Raise D's learning rate or width, or train.discriminator_steps",
    )


def unstable(trend: list[Row], yardstick: Yardstick) -> Verdict | None:
    """D's loss jumps from one measurement to the next, by more than UNSTABLE of its equilibrium value."""
    if len(trend) < TREND_ROWS:
        return None
    # the median: neither a single peak nor a steady fall or rise is unstable
    jump = statistics.median(abs(b["d_loss"] - a["d_loss"]) for a, b in itertools.pairwise(trend))
    if jump <= UNSTABLE * yardstick.d_loss:
        return None
    return Verdict(
        "unstable",
        f"D's loss jumps by {jump:.2g} from one measurement to the next (median of the last "
        f"{len(trend)}); at equilibrium it is {yardstick.d_loss:.2f}",
        "Lower the learning rates or their beta1, enlarge train.batch_size, or add train.instance_noise",
    )


def healthy(recent: list[Row], yardstick: Yardstick) -> Verdict:
    """No failure; what D says of data and samples, of a critic also by how much it tells them apart."""
    real, fake = mean(recent, "d_real"), mean(recent, "d_fake")
    words = f"D(x) {real:.3f}, D(G(z)) {fake:.3f} at the end"
    if yardstick.critic:
        words = (
            f"critic: {real:.3g} of data, {fake:.3g} of samples at the end, {real - fake:.3g} apart"
        )
    return Verdict("healthy", f"no failure seen; {words}", "")


def mean(rows: list[Row], key: str) -> float:
    return sum(row[key] for row in rows) / len(rows)


def course(rows: list[Row], key: str) -> float:
    """Correlation of a column with time, from -1 (falls) to 1 (rises); 0 if it is constant."""
    times = range(len(rows))
    t, v = sum(times) / len(rows), mean(rows, key)
    together = sum((i - t) * (row[key] - v) for i, row in enumerate(rows))
    alone = sum((i - t) ** 2 for i in times) * sum((row[key] - v) ** 2 for row in rows)
    return together / math.sqrt(alone) if alone > 0 else 0.0
