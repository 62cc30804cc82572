"""How a training goes, judged from its log: a named verdict with a hint, and what is done about it."""

import copy
import itertools
import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch.nn.functional as F
from torch import Tensor

from pipeline.config.models.gan.autoencoders import Vae
from pipeline.config.models.gan.train import Train
from pipeline.errors import TrainingError

if TYPE_CHECKING:
    from pipeline.models.gan.training import Training

Row = dict[str, float]  # of training.tsv

CERTAIN = 0.99  # mean D(x) above it and mean D(G(z)) below its complement: D's loss goes to 0
FOOLED = 0.9  # mean D(G(z)) above it: D takes garbage for data
NEARLY_FOOLED = 0.7  # the same while G's loss falls steadily
STEADILY = -0.9  # correlation of a loss with time
GRADIENT_LIMIT = 100.0  # ganhacks, tip 10
UNSTABLE = 0.5  # how far D's loss jumps from row to row, in units of its value at D = 1/2
COLLAPSED = 0.2  # mean distance between samples, in units of that between real images

RECENT_ROWS = 5  # at least so many rows make a verdict, or a tenth of them
TREND_ROWS = 10  # the same where a course is judged, or a third of them
# The first share of a run is not judged: nets that start near zero draw the same everywhere, and D
# often wins the first rounds.
START = 0.1


@dataclass(frozen=True)
class Verdict:
    verdict: str
    reason: str
    hint: str


def judge(rows: list[Row], loss_scale: float = 1.0, adversarial: bool = True) -> Verdict:
    """Verdict over the last of the logged `rows`; `loss_scale`: factor of D's loss; `adversarial`:
    whether G learns from D. If not, D may win, and gradients are as large as likelihoods are."""
    recent = rows[-max(RECENT_ROWS, len(rows) // 10) :]
    trend = rows[-max(TREND_ROWS, len(rows) // 3) :]
    if not adversarial:
        return not_a_number(rows[-1]) or collapse(recent) or healthy(recent)
    return (
        not_a_number(rows[-1])
        or collapse(recent)
        or exploding_gradient(recent)
        or discriminator_won(recent)
        or generator_fooling(recent, trend)
        or unstable(trend, loss_scale * math.log(4))
        or healthy(recent)
    )


def not_a_number(row: Row) -> Verdict | None:
    if all(math.isfinite(number) for number in row.values()):
        return None
    return Verdict(
        "not_a_number",
        f"training diverged at step {row['step']:,.0f}: "
        f"d_loss {row['d_loss']:.3g}, g_loss {row['g_loss']:.3g}",
        "Lower the learning rates, or add train.instance_noise",
    )


def collapse(recent: list[Row]) -> Verdict | None:
    """The Helvetica scenario of section 6: G sends nearly all noise to the same image."""
    diversity = mean(recent, "diversity")
    if diversity >= COLLAPSED:
        return None
    return Verdict(
        "collapse",
        f"samples are nearly the same: their mean distance is {diversity:.2g} of that of real images",
        "Train D more for each step of G (train.discriminator_steps), lower G's learning rate, "
        "or add train.replay",
    )


def exploding_gradient(recent: list[Row]) -> Verdict | None:
    for player in ("g", "d"):
        norm = mean(recent, f"{player}_gradient_norm")
        if norm > GRADIENT_LIMIT:
            return Verdict(
                "exploding_gradient",
                f"{player.upper()}'s gradient norm is {norm:.0f}, above {GRADIENT_LIMIT:.0f}",
                "Lower its learning rate, or add train.instance_noise or train.r1",
            )
    return None


def discriminator_won(recent: list[Row]) -> Verdict | None:
    real, fake = mean(recent, "d_real"), mean(recent, "d_fake")
    if real < CERTAIN or fake > 1 - CERTAIN:
        return None
    return Verdict(
        "discriminator_won",
        f"D(x) is {real:.3f} and D(G(z)) {fake:.3f}: G no longer learns",
        "Add train.instance_noise or train.r1, raise discriminator.dropout_hidden, or lower D's "
        "learning rate",
    )


def generator_fooling(recent: list[Row], trend: list[Row]) -> Verdict | None:
    fake = mean(recent, "d_fake")
    falling = len(trend) >= TREND_ROWS and course(trend, "g_loss") < STEADILY
    if fake < NEARLY_FOOLED or (fake < FOOLED and not falling):
        return None
    return Verdict(
        "generator_fooling",
        f"D(G(z)) is {fake:.3f}{' and the loss of G falls steadily' if falling else ''}: "
        "D takes whatever G draws for data",
        "Raise D's learning rate or width, or train.discriminator_steps",
    )


def unstable(trend: list[Row], at_equilibrium: float) -> Verdict | None:
    """`at_equilibrium`: D's loss where D = 1/2."""
    if len(trend) < TREND_ROWS:
        return None
    jumps = [b["d_loss"] - a["d_loss"] for a, b in itertools.pairwise(trend)]
    # of independent rows this is the standard deviation; that the loss falls or rises does not count
    jump = math.sqrt(sum(step * step for step in jumps) / len(jumps) / 2)
    if jump <= UNSTABLE * at_equilibrium:
        return None
    return Verdict(
        "unstable",
        f"D's loss jumps: {mean(trend, 'd_loss'):.2f} ± {jump:.2f} over the last {len(trend)} rows",
        "Lower the learning rates or their beta1, enlarge train.batch_size, or add train.instance_noise",
    )


def healthy(recent: list[Row]) -> Verdict:
    real, fake = mean(recent, "d_real"), mean(recent, "d_fake")
    return Verdict("healthy", f"D(x) {real:.3f}, D(G(z)) {fake:.3f} at the end", "")


def mean(rows: list[Row], key: str) -> float:
    return sum(row[key] for row in rows) / len(rows)


def course(rows: list[Row], key: str) -> float:
    """Correlation of a column with time, from -1 (falls) to 1 (rises); 0 where it stands still."""
    times = range(len(rows))
    t, v = sum(times) / len(rows), mean(rows, key)
    together = sum((i - t) * (row[key] - v) for i, row in enumerate(rows))
    alone = sum((i - t) ** 2 for i in times) * sum((row[key] - v) ** 2 for row in rows)
    return together / math.sqrt(alone) if alone > 0 else 0.0


def spread(images_BCHW: Tensor) -> float:
    """Mean Euclidean distance between any two of the first 200 images."""
    return F.pdist(images_BCHW[:200].detach().float().flatten(1).cpu()).mean().item()


class Monitor:
    """Takes in the rows of a training's log and acts as `monitor.policy` says.

    What it keeps belongs into a checkpoint: the rows, and states of the training when all was well.
    """

    def __init__(self, settings: Train, say: Callable[[str], None]):
        """`say`: told of every kind of failure once, and of every rollback."""
        self.settings = settings
        self.say = say
        self.rows: list[Row] = []
        self.good: list[dict] = []  # the untrained players and the last two states, oldest first
        self.rollbacks = 0
        self.failed_at = 0  # the step of the last rollback
        self.said: list[str] = []

    def begin(self, training: "Training") -> None:
        """Before the first step: even the players as they are now may be gone back to."""
        if not self.good and self._keeps:
            self.good = [copy.deepcopy(training.state_dict())]

    @property
    def _keeps(self) -> bool:
        return self.settings.monitor.policy != "warn"

    def due(self, step: int) -> bool:
        """Whether step `step` has a row. Where something is kept the first step has one, too: a run
        that fails soon after it has something to show."""
        logged = step % self.settings.log_steps == 0 or step == self.settings.steps
        return logged or (self._keeps and step == 1)

    def see(self, row: Row, training: "Training") -> Verdict | None:
        """Take in a row of `training`, which may then be at an earlier step. A verdict ends it."""
        self.rows.append(row)
        found = self._judge_now()
        if found.verdict == "healthy":
            self._keep(training)
            return None
        policy = self.settings.monitor
        if policy.policy == "rollback" and self.good and self.rollbacks < policy.rollbacks:
            self._roll_back(found, training)
            return None
        if found.verdict == "not_a_number":
            self._leave_nothing_broken(found, training)
        elif policy.policy == "warn":
            self._warn(found)
            return None
        return self._counted(found)

    def verdict(self) -> Verdict:
        """Of a run that came to its end."""
        return self._counted(self._judged(self._after_the_start() or self.rows))

    def _judge_now(self) -> Verdict:
        rows = self._after_the_start()
        if len(rows) < RECENT_ROWS:
            return not_a_number(self.rows[-1]) or healthy(self.rows[-1:])
        return self._judged(rows)

    def _judged(self, rows: list[Row]) -> Verdict:
        is_vae = isinstance(self.settings.autoencoder, Vae)
        return judge(rows, self.settings.discriminator_loss_scale, adversarial=not is_vae)

    def _after_the_start(self) -> list[Row]:
        return [row for row in self.rows if row["step"] > START * self.settings.steps]

    def _keep(self, training: "Training") -> None:
        """The first state with a row, so that there is one; then those that would be no failure at any
        step, and lie beyond the step where it went wrong before."""
        policy = self.settings.monitor
        if not self._keeps:
            return
        if len(self.good) < 2 or (
            training.step >= self.good[-1]["step"] + policy.good_steps
            and training.step > self.failed_at
            and self._judged(self.rows[-RECENT_ROWS:]).verdict == "healthy"
        ):
            kept = [*self.good, copy.deepcopy(training.state_dict())]
            self.good = kept[:1] + kept[1:][-2:]

    def _roll_back(self, found: Verdict, training: "Training") -> None:
        """To the last good state but one: what went wrong had perhaps begun in the last. If it goes
        wrong again before there is a new one, that is one further back."""
        self.good = self.good[:-1] or self.good
        self.failed_at = training.step
        training.go_back(self.good[-1], self.settings.monitor.learning_rate_factor)
        self.rollbacks += 1
        self._forget_rows_after(training.step)
        self.say(
            f"step {self.failed_at:,}: {found.verdict}: {found.reason}. Back to step {training.step:,} "
            f"with learning rates times {training.learning_rate_factor:g}"
        )

    def _leave_nothing_broken(self, found: Verdict, training: "Training") -> None:
        """The last good state is what will be written; without one that has a row the run fails."""
        if len(self.good) < 2:
            raise TrainingError(f"{found.reason}. {found.hint}; nothing was written.")
        training.load_state_dict(copy.deepcopy(self.good[-1]))
        self._forget_rows_after(training.step)

    def _forget_rows_after(self, step: int) -> None:
        self.rows = [row for row in self.rows if row["step"] <= step]

    def _warn(self, found: Verdict) -> None:
        if found.verdict not in self.said:
            self.said.append(found.verdict)
            self.say(f"{found.verdict}: {found.reason}. {found.hint}")

    def _counted(self, found: Verdict) -> Verdict:
        if not self.rollbacks:
            return found
        times = "once" if self.rollbacks == 1 else f"{self.rollbacks} times"
        return Verdict(found.verdict, f"{found.reason}, after going back {times}", found.hint)

    def state_dict(self) -> dict:
        return {
            "rows": self.rows,
            "good": self.good,
            "rollbacks": self.rollbacks,
            "failed_at": self.failed_at,
            "said": self.said,
        }

    def load_state_dict(self, state: dict) -> None:
        self.rows, self.good = state["rows"], state["good"]
        self.rollbacks, self.failed_at = state["rollbacks"], state["failed_at"]
        self.said = state["said"]
