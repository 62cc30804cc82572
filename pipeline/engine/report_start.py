"""results/table.md in reStructuredText: what `snakemake --report` shows first.

Snakemake shows a workflow's description first, and its graph beside it unless there are metadata:
profiles/default/report.yaml has some.
"""

import csv
import io
from pathlib import Path

from pipeline import paths


def table(path: Path = paths.TABLE) -> str:
    """The tables and the words below them; says so if there are none yet."""
    if not path.is_file():
        return "Nothing is finished yet."
    lines, parts = path.read_text(encoding="utf-8").splitlines(), [""]
    for line in lines[1:]:  # the first is the title of the whole
        if line.startswith("#"):
            parts.append(f"**{line.lstrip('# ')}**\n\n.. csv-table::\n   :header-rows: 1\n")
        elif line.startswith("| "):
            parts.append("   " + row([cell.strip() for cell in line.split("|")[1:-1]]))
        elif not line.startswith("|"):  # which only the rule below the headings does
            parts.append(line)
    return "\n".join(parts)


def row(cells: list[str]) -> str:
    buffer = io.StringIO()
    csv.writer(buffer, quoting=csv.QUOTE_ALL, lineterminator="").writerow(cells)
    return buffer.getvalue()
