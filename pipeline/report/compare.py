"""Settings that differ and the main numbers, side by side: of runs, of revisions, of experiments."""

import itertools
from collections.abc import Iterator
from dataclasses import dataclass

from pipeline import paths
from pipeline.errors import DataError
from pipeline.io import costs
from pipeline.report.recorded import STAGES_OF_RUN
from pipeline.report.revisions import Place, at, here
from pipeline.report.settings import Flat, differences
from pipeline.tables.cells import cell
from pipeline.tables.columns import FEATURES, Row
from pipeline.tables.rows import as_shown, by_fid, is_scores, real_row

NUMBERS = {  # columns of the table, and how a line of numbers begins
    "fid": "FID",
    "precision": "precision",
    "recall": "recall",
    "log_likelihood": "nats",
    "standard_error": "standard error",
    "jsd": "JSD",
    "missing_classes": "missing classes",
    "verdict": "verdict",
}
TIMES = ("train_seconds", "images_per_second", "sample_seconds")  # of the costs measured here
LABEL = 34  # characters, at most
CELL = 26


@dataclass(frozen=True)
class Column:
    """A run at a place."""

    heading: str
    run: str
    place: Place
    settings: Flat
    scores: Row | None
    is_other: bool  # whether there are scores of another version of this project, left out


def compare(names: list[str], width: int) -> str:
    """`names`: runs, revisions, experiments, in any order; text of at most `width` characters a line.

    Without revisions all (named) runs of this folder are compared; with revisions each (named) run
    between them, or between one revision and this folder.
    """
    now = here()
    runs = [name for name in names if name in now.runs]
    places = [at(name) for name in names if name not in runs]
    if not places:
        return of_runs(now, runs or now.runs, width, sort=not runs)
    return of_places(places if len(places) > 1 else [*places, now], runs, width)


def of_runs(place: Place, runs: list[str], width: int, sort: bool) -> str:
    """A block for each dataset; `sort`: best FID first."""
    columns = [column(run, run, place) for run in runs]
    if not any(each.scores or each.is_other for each in columns):
        raise DataError(
            "nothing is recorded yet for these runs. Next: snakemake --cores all, or dvc repro"
        )
    if sort:
        columns.sort(key=lambda each: by_fid(each.scores or {}))
    blocks = []
    for dataset in dict.fromkeys(each.settings.get("dataset") for each in columns):
        own = [each for each in columns if each.settings.get("dataset") == dataset]
        blocks.append(block(str(dataset or "not run yet"), own, width))
    return "\n\n".join([*blocks, *notes(columns)])


def of_places(places: list[Place], runs: list[str], width: int) -> str:
    """A block for each run that is not the same at all places."""
    known = list(dict.fromkeys(run for place in places for run in place.runs))
    blocks, same, all_columns = [], [], []
    for run in runs or known:
        columns = [column(place.name, run, place) for place in places]
        if len({repr((each.settings, each.scores)) for each in columns}) == 1:
            same.append(run)
            continue
        all_columns += columns
        lines = [block(run, columns, width)]
        if stages := other_code(columns):
            lines.append(f"the code differs in: {', '.join(stages)}")
        blocks.append("\n".join(lines))
    if same:
        names = ", ".join(place.name for place in places)
        blocks.append(f"the same settings and numbers at {names}: {', '.join(same)}")
    return "\n\n".join([*blocks, *notes(all_columns)])


def column(heading: str, run: str, place: Place) -> Column:
    scores = place.scores(run)
    known = is_scores(scores)
    settings = place.recorded.settings(run)
    return Column(
        heading, run, place, settings, scores if known else None, not known and bool(scores)
    )


def other_code(columns: list[Column]) -> list[str]:
    """Stages of the run that ran with different code."""
    found = []
    for stage in STAGES_OF_RUN:
        code = [
            {
                path: md5
                for path, md5 in each.place.recorded.of(stage, each.run).deps.items()
                if path.startswith("pipeline/")
            }
            for each in columns
        ]
        if any(one != code[0] for one in code if one and code[0]):
            found.append(stage)
    return found


def notes(columns: list[Column]) -> Iterator[str]:
    """Runs whose numbers are not those of the params.yaml beside them, or of another version of this project."""
    for each in columns:
        if each.is_other:
            yield f"note: {each.run} {each.place.name}: scores of another version of this project, left out"
        if each.scores and (why := each.place.stale(each.run)):
            yield f"note: {each.run} {each.place.name}: {why}; shown is what ran"


def block(title: str, columns: list[Column], width: int) -> str:
    """Lines of settings that differ, then of numbers; as many columns beside each other as fit."""
    settings = differences([each.settings for each in columns if each.settings]) if columns else {}
    recorded = [each for each in columns if each.settings]
    rows: list[tuple[str, list[str]]] = []
    for key, texts in settings.items():
        of = dict(zip((id(each) for each in recorded), texts, strict=True))
        rows.append((key, [of.get(id(each), "") for each in columns]))
    headings = [each.heading for each in columns]
    numbers = [each.scores or {} for each in columns]
    if real := real_data(numbers):
        headings.append("real data")
        rows = [(key, [*cells, ""]) for key, cells in rows]
    for key, label in NUMBERS.items():
        cells = [number(each, key) for each in columns] + ([cell(real, key)] if real else [])
        if any(cells):
            rows.append((label if key != "fid" else named(numbers), cells))
    for key in TIMES:
        cells = [cost(each, key) for each in columns]
        if any(cells):
            rows.append((costs.COLUMNS[key][0], [*cells, *([""] if real else [])]))
    return "\n\n".join(laid_out(title, headings, rows, width))


def cost(column: Column, key: str) -> str:
    """Measured in this folder, of exactly the model that lies here; costs of other places are kept nowhere."""
    files = paths.Run(column.run)
    if column.place.commit or not files.model.is_file():
        return ""
    found = costs.read(files.costs, files.model) or {}
    return format(found[key], costs.COLUMNS[key][1]) if key in found else ""


def number(column: Column, key: str) -> str:
    scores = column.scores or {}
    if key == "verdict" and not scores:
        return "no scores yet" if column.settings else "not run"
    return cell(scores, key) if "fid" in scores else ""


def named(numbers: list[Row]) -> str:
    """FID with the features it is computed on."""
    kinds = {FEATURES.get(each.get("features", ""), "") for each in numbers if each} - {""}
    return f"FID ({', '.join(sorted(kinds))})" if kinds else "FID"


def real_data(numbers: list[Row]) -> Row | None:
    """The row of real data; None if it is not the same for all."""
    rows = [real_row(each) for each in numbers if each.get("real_data") is not None]
    return rows[0] if len(set(map(as_shown, rows))) == 1 else None


def laid_out(
    title: str, headings: list[str], rows: list[tuple[str, list[str]]], width: int
) -> Iterator[str]:
    """The rows under their headings, in as many parts as `width` asks for."""
    labels = [clipped(title, LABEL), *(clipped(label, LABEL, front=True) for label, _ in rows)]
    first = max(map(len, labels))
    columns = [
        [clipped(text, CELL) for text in (heading, *(cells[index] for _, cells in rows))]
        for index, heading in enumerate(headings)
    ]
    while columns:
        widths = [max(map(len, texts)) + 2 for texts in columns]
        fitting = sum(total <= width - first for total in itertools.accumulate(widths))
        part, columns = columns[: max(1, fitting)], columns[max(1, fitting) :]
        lines = zip(labels, *part, strict=True)
        yield "\n".join(
            (
                label.ljust(first)
                + "".join(c.rjust(w) for c, w in zip(cells, widths, strict=False))
            ).rstrip()
            for label, *cells in lines
        )


def clipped(text: str, most: int, front: bool = False) -> str:
    """At most so many characters; of keys the end stays, which says most."""
    if len(text) <= most:
        return text
    return f"…{text[1 - most :]}" if front else f"{text[: most - 1]}…"
