"""The training loop of every family."""

import time
from collections.abc import Callable
from enum import Enum, auto
from typing import Any, Protocol

CHECKPOINT_SECONDS = 60
Row = dict[str, float]  # what was measured after one step, `step` among it


class Answer(Enum):
    """What a monitor asks for after a measurement."""

    GO_ON = auto()
    GO_BACK = auto()  # to the monitor's `state`, and on from there
    STOP = auto()  # with the monitor's `state` if there is one, else with what is there


class Training(Protocol):
    """Something that learns step by step."""

    step: int  # so many were made

    @property
    def steps(self) -> int:
        """So many are to be made."""

    def advance(self) -> Any:
        """Make one step; returns what can be measured about it."""

    def measure(self, seen: Any) -> Row:
        """Numbers about the step that returned `seen`."""

    def state_dict(self) -> dict: ...

    def load_state_dict(self, state: dict) -> None: ...

    def go_back(self, state: dict) -> None:
        """Return to a `state` of earlier on, which is left as it is, and do otherwise from there."""


class Monitor(Protocol):
    """Judges measurements and says what is to be done; it does nothing to the training itself."""

    state: dict | None  # where to go back to

    def due(self, step: int) -> bool:
        """Whether step `step` is to be measured."""

    def judge(self, row: Row) -> Answer: ...

    def wants_state(self, step: int) -> bool:
        """Whether the training's state after `step` is to be remembered."""

    def remember(self, state: dict) -> None:
        """Keep a copy of the training's state, to go back to."""


class Observer(Protocol):
    """Records a training and shows it; changes nothing about it."""

    def begin(self) -> None:
        """Before the first step, of the training or after a checkpoint."""

    def advanced(self) -> None: ...

    def measured(self, row: Row) -> None: ...

    def went_back(self) -> None: ...

    def look(self) -> None:
        """The end of a step that nothing was wrong with."""


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
