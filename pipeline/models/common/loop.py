"""The training loop of every family."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum, auto
from typing import Any, Protocol

CHECKPOINT_SECONDS = 60
Row = dict[str, float]  # what was measured after one step, `step` among it


@dataclass(frozen=True)
class Verdict:
    """A failure by name, its reason with numbers, and a hint at what to change."""

    verdict: str  # "healthy": no failure was seen
    reason: str
    hint: str


class Answer(Enum):
    """What a monitor asks for after a measurement."""

    GO_ON = auto()
    GO_BACK = auto()  # to the monitor's `state`, and continue from there
    STOP = auto()  # with the monitor's `state` if there is one, else with the current state


class Training(Protocol):
    """Something that learns step by step."""

    step: int  # steps made so far

    @property
    def steps(self) -> int:
        """Number of steps to make in all."""

    def advance(self) -> Any:
        """Make one step; returns what can be measured about it."""

    def measure(self, seen: Any) -> Row:
        """Numbers about the step that returned `seen`."""

    def state_dict(self) -> dict: ...

    def load_state_dict(self, state: dict) -> None: ...

    def go_back(self, state: dict) -> None:
        """Return to an earlier `state`, which is not changed, and continue differently from there."""


class Monitor(Protocol):
    """Judges measurements and says what is to be done; it does not change the training."""

    state: dict | None  # where to go back to

    def due(self, step: int) -> bool:
        """Whether step `step` is to be measured."""

    def judge(self, row: Row) -> Answer:
        """Take the next measurement into account and answer what to do."""

    def wants_state(self, step: int) -> bool:
        """Whether the training's state after `step` is to be remembered."""

    def remember(self, state: dict) -> None:
        """Keep a copy of the training's state, to go back to."""

    def verdict(self) -> Verdict:
        """The verdict on the whole training, once it has ended or was stopped."""

    def log(self) -> list[Row]:
        """The rows of training.tsv."""


class Observer(Protocol):
    """Records a training and shows it; changes nothing about it."""

    def begin(self) -> None:
        """Called before the first step, also after a resume from a checkpoint."""

    def advanced(self) -> None:
        """Called after every step, before it is measured."""

    def measured(self, row: Row) -> None:
        """Called with every measurement after which the training goes on."""

    def went_back(self) -> None:
        """Called after the training was set back to an earlier state."""

    def look(self) -> None:
        """Called at the end of every step after which the training goes on."""


def run(training: Training, monitor: Monitor, observer: Observer, save: Callable[[], None]) -> None:
    """Train to the last step, or until `monitor` stops it; `save` a checkpoint every minute."""
    observer.begin()
    if monitor.wants_state(training.step):
        monitor.remember(training.state_dict())
    saved_at = time.monotonic()

    while training.step < training.steps:
        seen = training.advance()
        observer.advanced()

        if monitor.due(training.step):
            row = training.measure(seen)
            answer = monitor.judge(row)
            if answer is Answer.STOP:
                if monitor.state is not None:
                    training.load_state_dict(monitor.state)
                    observer.went_back()
                return
            if answer is Answer.GO_BACK:
                assert monitor.state is not None
                training.go_back(monitor.state)
                observer.went_back()
                continue
            if monitor.wants_state(training.step):
                monitor.remember(training.state_dict())
            observer.measured(row)

        observer.look()
        if time.monotonic() - saved_at > CHECKPOINT_SECONDS:
            save()
            saved_at = time.monotonic()
