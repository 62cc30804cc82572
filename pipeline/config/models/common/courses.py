"""Values that may change during a training."""

from typing import Annotated, Any, Self

from pydantic import AfterValidator, BeforeValidator, PlainSerializer, model_validator

from pipeline.config.base import NotNegative, Positive, Section


class Course(Section):
    """A value linear from `start` to `end` over `steps` steps, then constant."""

    start: NotNegative = 0.0
    end: NotNegative = 0.0
    steps: Positive = 1  # required where start and end differ

    @model_validator(mode="after")
    def duration_is_given(self) -> Self:
        if self.start != self.end and "steps" not in self.model_fields_set:
            raise ValueError(
                f"goes from start, {self.start:g}, to end, {self.end:g}, and steps is missing: add in how "
                f"many updates of G, or end: {self.start:g} for a value that stays"
            )
        return self

    def at(self, step: int) -> float:
        """The value of step `step`, counted from 0."""
        return self.start + (self.end - self.start) * min(1.0, step / self.steps)


def from_number(found: Any) -> Any:
    """0.5 means {start: 0.5, end: 0.5}."""
    if isinstance(found, int | float) and not isinstance(found, bool):
        return {"start": found, "end": found}
    if not isinstance(found, dict | Course):
        raise ValueError(f"found {found!r:.60}, must be a number or {{start, end, steps}}")
    return found


def as_written(course: Course) -> float | dict:
    """A number for a value that stays."""
    return course.start if course.start == course.end else course.model_dump()


def above_0(course: Course) -> Course:
    if course.start == course.end == 0:
        raise ValueError("found 0, which has no effect; leave the whole block out, or set more")
    return course


def below_1(course: Course) -> Course:
    if max(course.start, course.end) >= 1:
        raise ValueError(f"found {max(course.start, course.end):g}, must be less than 1")
    return course


def between_0_and_1(course: Course) -> Course:
    if not 0 < min(course.start, course.end) <= max(course.start, course.end) < 1:
        raise ValueError(
            f"found {course.start:g} to {course.end:g}, must be greater than 0 and less than 1"
        )
    return course


# a number, or {start, end, steps}
Varying = Annotated[Course, BeforeValidator(from_number), PlainSerializer(as_written)]
Weight = Annotated[Varying, AfterValidator(above_0)]
Beta = Annotated[Varying, AfterValidator(below_1)]
Decay = Annotated[Varying, AfterValidator(between_0_and_1)]
