"""Watches the training of one net: whether its loss is a number, and whether it falls."""

import math
import statistics
from collections.abc import Callable

from pipeline.config.models.common.learner import Learner
from pipeline.errors import TrainingError
from pipeline.models.common.loop import Answer, Row, Verdict

END_SHARE = 0.1  # of the rows, whose mean loss is compared with the first


class Watch:
    """Measures where a row is logged; stops a training that diverged. Its state is part of a checkpoint."""

    state: dict | None = None  # it never goes back

    def __init__(self, settings: Learner, say: Callable[[str], None]):
        """`say`: for messages; there are none while a training goes on."""
        self.settings = settings
        self.rows: list[Row] = []

    def due(self, step: int) -> bool:
        return logged(self.settings, step)

    def judge(self, row: Row) -> Answer:
        """TrainingError at a number that is NaN or infinite; nothing is written then."""
        if not all(math.isfinite(number) for number in row.values()):
            raise TrainingError(
                f"training diverged at step {row['step']:,.0f}: loss {row['loss']:.3g}. Lower "
                "train.optimizer.lr; nothing was written."
            )
        self.rows.append(row)
        return Answer.GO_ON

    def wants_state(self, step: int) -> bool:
        return False

    def remember(self, state: dict) -> None:
        raise NotImplementedError("it wants no state")

    def verdict(self) -> Verdict:
        """not_learning if the loss at the end is not below that of the first step, else healthy."""
        count = max(1, round(END_SHARE * len(self.rows)))
        first, last = self.rows[0]["loss"], statistics.fmean(r["loss"] for r in self.rows[-count:])
        if len(self.rows) > 1 and last >= first:
            return Verdict(
                "not_learning",
                f"the loss was {first:.4g} at first and is {last:.4g} at the end",
                "Lower train.optimizer.lr",
            )
        return Verdict("healthy", f"no failure seen; loss {last:.4g} at the end", "")

    def log(self) -> list[Row]:
        return self.rows

    def state_dict(self) -> dict:
        return {"rows": self.rows}

    def load_state_dict(self, state: dict) -> None:
        self.rows = state["rows"]


def logged(settings: Learner, step: int) -> bool:
    """Whether step `step` has a row in training.tsv: the first, the last, and every `log_steps`-th."""
    return step == 1 or step % settings.log_steps == 0 or step == settings.steps
