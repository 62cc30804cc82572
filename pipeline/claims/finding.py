"""A claim, and what was found."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

from torch import Tensor

if TYPE_CHECKING:
    from pipeline.claims.project import Project

Verdict = Literal["supported", "limited", "contradicted", "not run"]
Row = tuple[str, ...]
# rows of images [N, C, H, W] in [-1, 1], each with its name and a word for each image
Pictures = list[tuple[str, Tensor, list[str]]]


class NotRun(Exception):
    """What a claim needs is not here; the message says what."""


@dataclass(frozen=True)
class Finding:
    """What the numbers say of a claim."""

    verdict: Verdict
    words: str  # the main number, in a sentence
    rows: list[Row] = field(default_factory=list)  # the first is the heading
    numbers: dict[str, Any] = field(default_factory=dict)  # as measured, for JSON
    pictures: Pictures = field(default_factory=list)


@dataclass(frozen=True)
class Claim:
    """A statement of the paper or of a text on it, and how it is measured."""

    key: str
    where: str  # it is made
    says: str  # in our own words
    measure: Callable[["Project"], Finding]
    # whether the page has the rows; not where its words, its figure or the table of all runs have their numbers
    shows_rows: bool = True

    def found(self, project: "Project") -> Finding:
        """The finding; `not run` where a run or a file is missing."""
        try:
            return self.measure(project)
        except NotRun as lack:
            return Finding("not run", f"{lack}.")


def verdict(supported: bool, limited: bool = False) -> Verdict:
    """`limited`: holds in part, where `supported` does not."""
    if supported:
        return "supported"
    return "limited" if limited else "contradicted"


def short(value: float | None) -> str:
    """Three significant digits; a dash for None."""
    if value is None:
        return "–"
    if abs(value) >= 1000:
        return f"{value:,.0f}"
    return f"{value:.3g}"


def joined(parts: list[str]) -> str:
    """a, b and c."""
    return ", ".join(parts[:-1]) + " and " + parts[-1] if len(parts) > 1 else "".join(parts)
