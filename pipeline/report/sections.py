"""The part of the page about one dataset: its table, its groups of seeds, the settings that differ."""

from dataclasses import dataclass

from pipeline.config.params import Params
from pipeline.report.runs import Facts
from pipeline.report.settings import differences
from pipeline.tables.columns import Row
from pipeline.tables.rows import decoder_rows, name_of, rows_of
from pipeline.tables.text import likelihoods
from pipeline.tables.text import shown as table_of


@dataclass(frozen=True)
class Line:
    """One row of the table."""

    kind: str  # group, run, member (of the group below it), real, published
    run: str  # whose section it leads to; empty for real data and published rows
    name: str
    cells: tuple[str, ...]  # after the name
    seeds: int = 1  # of a group


@dataclass(frozen=True)
class Group:
    """Runs that differ in their seed only."""

    name: str
    runs: list[str]
    facts: list[tuple[str, str]]  # heading and number, FID first; empty if no run is finished

    @property
    def count(self) -> int:
        return len(self.runs)


@dataclass(frozen=True)
class Section:
    """All about one dataset."""

    dataset: str
    headings: tuple[str, ...]
    lines: list[Line]
    groups: list[Group]  # best FID first, without numbers last
    likelihoods: dict[str, list[tuple[str, ...]]]  # heading -> rows of a table, the first its head
    differing: dict[str, list[str]]  # setting -> its value in each group
    unfinished: list[str]


def section(
    dataset: str,
    params: Params,
    runs: dict[str, Facts],
    groups: list[list[str]],
    decoders: dict[str, dict],
) -> Section:
    """`groups`: runs that differ in their seed only, of all datasets; `decoders`: scores of likelihoods."""
    own = {name: fact for name, fact in runs.items() if fact.run.dataset == dataset}
    scored = {name: fact.scores for name, fact in own.items() if fact.scores}
    here = [group for group in groups if group[0] in own]
    done = [[name for name in group if name in scored] for group in here]
    source = params.datasets[dataset].published_as
    rows = rows_of(dataset, scored, source, [group for group in done if group])
    headings, *cells = table_of(rows) if rows else [("model",)]
    lines = [line(row, shown, done) for row, shown in zip(rows, cells, strict=True)]
    found = [
        group_of(names, finished, lines, headings)
        for names, finished in zip(here, done, strict=True)
    ]
    order = [each.name for each in lines if each.kind in ("group", "run")]
    found.sort(key=lambda group: order.index(group.name) if group.name in order else len(order))
    settings = [runs[group.runs[0]].settings for group in found]
    known = {key: each for key, each in decoders.items() if each["run"] in scored}
    by_ais = decoder_rows(dataset, known, params.weights_of_likelihoods, scored)
    return Section(
        dataset=dataset,
        headings=headings[1:],
        lines=lines,
        groups=found,
        likelihoods=likelihoods([*rows, *by_ais]),
        differing=differences(settings) if len(settings) > 1 else {},
        unfinished=[name for name in own if name not in scored],
    )


def line(row: Row, cells: tuple[str, ...], done: list[list[str]]) -> Line:
    """One row of the table; `done`: the finished runs of each group."""
    name = row["model"].strip("*")
    if row["published"]:
        return Line("published", "", cells[0], cells[1:])
    if name == "real data":
        return Line("real", "", "real data", cells[1:])
    if row.get("is_view"):
        return Line("view", "", name, cells[1:])
    if row.get("seeds"):
        group = next(group for group in done if name_of(group) == row["group"])
        return Line("group", group[0], row["group"], cells[1:], row["seeds"])
    kind = "run" if row["model"].startswith("**") else "member"
    name = row.get("run", name)
    return Line(kind, name, name, cells[1:])


def group_of(
    names: list[str], done: list[str], lines: list[Line], headings: tuple[str, ...]
) -> Group:
    """The group with the numbers of its row, if any of its runs is finished."""
    name = name_of(done or names)
    row = next(
        (each for each in lines if each.kind in ("group", "run") and each.name == name), None
    )
    shown = dict(zip(headings[1:], row.cells, strict=True)) if row else {}
    facts = [(heading, cell) for heading, cell in shown.items() if cell]
    return Group(name, names, facts)
