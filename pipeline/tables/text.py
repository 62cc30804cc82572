"""The tables as Markdown and CSV."""

import csv
import io
import itertools
from collections.abc import Iterable, Sequence

from pipeline.tables.cells import cell
from pipeline.tables.columns import COLUMNS, FEATURES, LIKELIHOODS, OF_LIKELIHOODS, Row

LEGEND = """\
Sorted by FID (0 is best); runs that differ in their seed only stand together, with their mean below them. Std: the standard \
deviation over these seeds. FID (classifier) is on features of a classifier of the dataset itself, FID (PCA) on principal \
components of images without labels, FID (coordinates) on the points: compare it with the real data above it, never with numbers \
on other features. Precision: what is drawn looks real; recall: what is real is drawn, too. Nats: the paper's measure, the mean \
log-likelihood of the test set under a Parzen window of the samples, with its standard error over test images (TFD: over \
folds); more than real data is no sign of better samples, since blurred ones score higher than real ones. Published: what \
Table 1 says of the same system. Real data: training images in the place of samples. Copies: samples nearer to a training image \
than 99 % of test images are (0.01 is none). Passes: steps that wait for one another until an image is drawn. Kind AIS: of G with \
Gaussian noise of deviation sigma on its pixels, a lower bound on average; the gap is its distance from an upper bound on images of \
the model. Verdict: healthy if neither the monitor of the training nor the evaluation of the samples found a fault. JSD, of points: \
the divergence in nats, 0 to 0.69.
"""
Cells = tuple[str, ...]


def render(rows: list[Row]) -> str:
    """Markdown, one table for each dataset, and one for each kind of log-likelihood there."""
    parts = ["# Results\n"]
    for dataset in dict.fromkeys(row["dataset"] for row in rows):
        own = [row for row in rows if row["dataset"] == dataset]
        parts.append(
            f"## {dataset}\n\n{markdown(shown([row for row in own if not row.get('decoder')]), aligned=True)}"
        )
        parts += [
            f"### {heading}\n\n{markdown(cells, aligned=True)}"
            for heading, cells in likelihoods(own).items()
        ]
    return "\n".join([*parts, LEGEND])


def shown(rows: list[Row]) -> list[Cells]:
    """The headings, then the cells, of one dataset's rows as table.md shows them; no empty columns."""
    kinds = {FEATURES[row["features"]] for row in rows if row.get("features")}
    headings = {key: heading for key, heading in COLUMNS.items() if heading}
    if kinds:
        headings["fid"] += f" ({', '.join(sorted(kinds))})"
    return cells_of(rows, headings)


def likelihoods(rows: list[Row]) -> dict[str, list[Cells]]:
    """For each kind of data its heading, and the cells of models that say how probable an image of it is, the best
    first."""
    found = {}
    for data, heading in LIKELIHOODS.items():
        known = [row for row in rows if row.get("log_p_data") == data]
        if known:
            known.sort(key=lambda row: -row["log_p"])
            found[heading] = cells_of(known, OF_LIKELIHOODS)
    return found


def cells_of(rows: list[Row], headings: dict[str, str]) -> list[Cells]:
    """The headings, then the cells of each row, without columns that are empty below the heading."""
    cells = [tuple(cell(row, key) for key in headings) for row in rows]
    filled = [any(column) for column in zip(*cells, strict=True)]
    return [tuple(itertools.compress(line, filled)) for line in (tuple(headings.values()), *cells)]


def csv_text(rows: list[Row]) -> str:
    """One line for each row of table.md; numbers as they are, for spreadsheets."""
    buffer = io.StringIO()
    writer = csv.DictWriter(buffer, list(COLUMNS), extrasaction="ignore", lineterminator="\n")
    writer.writeheader()
    writer.writerows({**row, "model": row["model"].strip("*")} for row in rows)
    return buffer.getvalue()


def markdown(rows: Iterable[Sequence[str]], *, aligned: bool = False) -> str:
    """A Markdown table; the first row is the header. `aligned`: its columns stand below each other in the text, too."""
    rows = [[cell.replace("|", "\\|") for cell in row] for row in rows]
    widths = [max(map(len, column)) if aligned else 1 for column in zip(*rows, strict=True)]
    lines = [
        f"| {' | '.join(c.ljust(w) for c, w in zip(row, widths, strict=True))} |" for row in rows
    ]
    rule = f"|{'|'.join('-' * (width + 2) for width in widths)}|"
    return "\n".join([lines[0], rule, *lines[1:]]) + "\n"
