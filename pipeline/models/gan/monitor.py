"""Watches a training: when it is measured, and what is done about a failure (ganhacks 10)."""

import copy
from collections.abc import Callable

import torch.nn.functional as F
from torch import Tensor

from pipeline.config.models.gan.train import Train
from pipeline.errors import TrainingError
from pipeline.models.common.loop import Answer, Row, Verdict
from pipeline.models.gan.failures import (
    RECENT_STEPS,
    START_STEPS,
    Yardstick,
    healthy,
    judge,
    not_a_number,
)

# Steps between measurements, whatever `log_steps` is, so that a failure is named within the first hundreds
# of steps. Doubled at step 1,000, 2,000, 4,000 and so on.
EVERY_STEPS = 10
DENSE_STEPS = 1_000


def spacing(step: int) -> int:
    """Steps from one measurement to the next: at least five lie in the last tenth of any run."""
    return EVERY_STEPS << max(0, (2 * step // DENSE_STEPS).bit_length() - 1)


def logged(settings: Train, step: int) -> bool:
    """Whether step `step` has a row in training.tsv. With `stop` or `rollback` step 1 has one, so that a
    run that fails early still has a log."""
    kept = settings.monitor.policy != "warn" and step == 1
    return kept or step % settings.log_steps == 0 or step == settings.steps


def spread(images_BCHW: Tensor) -> float:
    """Mean Euclidean distance between any two of the first 200 images."""
    return F.pdist(images_BCHW[:200].detach().float().flatten(1).cpu()).mean().item()


class Monitor:
    """Judges a training's measurements and answers as `monitor.policy` says.

    Its state is part of a checkpoint: a run that is killed and resumed gets the same answers.
    """

    def __init__(self, settings: Train, say: Callable[[str], None]):
        """`say`: called with a message, once for each kind of failure and for every rollback."""
        self.settings = settings
        self.yardstick = Yardstick.of(settings)
        self.say = say
        self.rows: list[Row] = []  # every measurement
        self.good: list[dict] = []  # the untrained players and the last two states, oldest first
        self.state: dict | None = None  # to go back to now; one of `good`
        self.rollbacks = 0
        self.failed_at = 0  # the step of the last rollback
        self.said: list[str] = []
        self.ended_by: Verdict | None = None

    def due(self, step: int) -> bool:
        """Whether step `step` is measured: at the monitor's own spacing, and where it is logged."""
        return step % spacing(step) == 0 or logged(self.settings, step)

    def judge(self, row: Row) -> Answer:
        """Add the next measurement. TrainingError for NaN if there is no trained state to write."""
        self.state = None
        self.rows.append(row)
        found = self._judge_now()
        policy = self.settings.monitor
        if found.verdict == "healthy":
            return Answer.GO_ON
        if policy.policy == "rollback" and self.good and self.rollbacks < policy.rollbacks:
            return self._go_back(found)
        if found.verdict == "not_a_number":
            return self._stop_before(found)
        if policy.policy == "warn":
            self._warn(found)
            return Answer.GO_ON
        return self._stop(found)

    def verdict(self) -> Verdict:
        """The verdict on the whole training, once it has ended or was stopped."""
        found = self.ended_by or judge(self.rows, self.yardstick)
        if not self.rollbacks:
            return found
        times = "once" if self.rollbacks == 1 else f"{self.rollbacks} times"
        return Verdict(found.verdict, f"{found.reason}, after going back {times}", found.hint)

    def log(self) -> list[Row]:
        """The rows of training.tsv."""
        return [row for row in self.rows if logged(self.settings, int(row["step"]))]

    def wants_state(self, step: int) -> bool:
        """Whether to store the state after `step`; never with `warn`.

        Before the first step and at the first measurement, so that there is one to return to. Then every
        `good_steps`, beyond the last failure, if `judge` finds no failure, even where it is too early to act.
        """
        policy = self.settings.monitor
        if policy.policy == "warn":
            return False
        if not self.rows:
            return not self.good
        if step != self.rows[-1]["step"]:
            return False  # a resumed run begins between measurements, where an uninterrupted one stores nothing
        return len(self.good) < 2 or (
            step >= self.good[-1]["step"] + policy.good_steps
            and step > self.failed_at
            and judge(self.rows, self.yardstick).verdict == "healthy"
        )

    def remember(self, state: dict) -> None:
        """Store a deep copy of `state`; the untrained state and the last two are kept."""
        kept = [*self.good, copy.deepcopy(state)]
        self.good = kept[:1] + kept[1:][-2:]

    def _judge_now(self) -> Verdict:
        """The verdict so far; in the first START_STEPS + RECENT_STEPS only NaN counts."""
        if self.rows[-1]["step"] < START_STEPS + RECENT_STEPS:
            return not_a_number(self.rows[-1]) or healthy(self.rows[-1:], self.yardstick)
        return judge(self.rows, self.yardstick)

    def _go_back(self, found: Verdict) -> Answer:
        """Drop the last good state, in which the failure may have begun, and return to the one before it.

        A further failure before a new good state is stored returns one further back.
        """
        self.good = self.good[:-1] or self.good
        self.state = self.good[-1]
        self.failed_at = int(self.rows[-1]["step"])
        self.rollbacks += 1
        self._forget_rows_after(self.state["step"])
        factor = self.settings.monitor.learning_rate_factor**self.rollbacks
        self.say(
            f"step {self.failed_at:,}: {found.verdict}: {found.reason}. Back to step "
            f"{self.state['step']:,} with learning rates times {factor:g}"
        )
        return Answer.GO_BACK

    def _stop_before(self, found: Verdict) -> Answer:
        """Stop with the last good state as the result; TrainingError if only the untrained one exists."""
        if len(self.good) < 2:
            raise TrainingError(f"{found.reason}. {found.hint}; nothing was written.")
        self.state = self.good[-1]
        self._forget_rows_after(self.state["step"])
        return self._stop(found)

    def _stop(self, found: Verdict) -> Answer:
        self.ended_by = found
        return Answer.STOP

    def _forget_rows_after(self, step: int) -> None:
        self.rows = [row for row in self.rows if row["step"] <= step]

    def _warn(self, found: Verdict) -> None:
        if found.verdict not in self.said:
            self.said.append(found.verdict)
            step = f"{self.rows[-1]['step']:,.0f}"
            self.say(f"step {step}: {found.verdict}: {found.reason}. {found.hint}")

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
