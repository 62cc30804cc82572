"""All claims held against the runs that are here: a page, its numbers, two figures."""

import sys
from pathlib import Path
from typing import get_args

from pipeline.claims import figure, game, gradients, likelihoods, pictures, sampling
from pipeline.claims.finding import Claim, Finding, Row, Verdict
from pipeline.claims.project import Project
from pipeline.compute import devices
from pipeline.config.params import Params
from pipeline.errors import ConfigError
from pipeline.evaluation.plots.figure import png
from pipeline.evaluation.rounding import stored
from pipeline.io import machine
from pipeline.io.files import read_json, write_bytes, write_json
from pipeline.tables.text import markdown

THREADS = 2  # fixed, so that the same runs give the same numbers
GROUPS: dict[str, tuple[Claim, ...]] = {
    "Samples": sampling.CLAIMS,
    "Pictures": pictures.CLAIMS,
    "Likelihoods": likelihoods.CLAIMS,
    "The game": game.CLAIMS,
    "Gradients": gradients.CLAIMS,
}
HEAD = """\
# What the paper claims in words, measured

Written by `python -m pipeline claims {files}--out {out}`; [claims.json](claims.json) has all numbers. The first number named
decides the verdict (limited: in part), on these runs alone: {conditions}. Seconds are as measured where a run ran, beside other work.
"""
FIGURE = "\n![Six of the claims: chains, noise, collapse, overfitting, gradients, Parzen windows](claims.png)\n"
ADVERSARIAL = "\n![Test images, the same moved against a classifier, samples of a GAN; above each the class that is named](adversarial.png)\n"


def run(files: dict[str, Params], out: Path, only: list[str] | None = None) -> str:
    """Write claims.md, claims.json, claims.png and adversarial.png to `out`; returns a sentence about them.

    `files`: params by file name. `only`: keys of claims to measure; what claims.json in `out` says of the others stays. What was
    not run is named, and left out. ConfigError for a key that is none.
    """
    kept = earlier(out / "claims.json", only or [])
    devices.reproducible(THREADS)
    project = Project(files.values())
    if project.missing:
        print(f"claims: not trained here: {', '.join(project.missing)}", file=sys.stderr)
    findings = {}
    for claims in GROUPS.values():
        for claim in claims:
            if claim.key in kept:
                findings[claim.key] = kept[claim.key]
                continue
            print(f"claims: {claim.key}", file=sys.stderr)
            findings[claim.key] = claim.found(project)
    write_bytes(out / "claims.md", page(findings, project, list(files), out).encode())
    write_json(out / "claims.json", content(findings))
    numbers = {key: finding.numbers for key, finding in findings.items()}
    write_bytes(out / "claims.png", png(figure.overview(numbers)))
    shown = findings["adversarial_examples"].pictures
    if shown:
        title = "Classes as the metrics' classifier names them"
        write_bytes(out / "adversarial.png", png(figure.rows_of_images(shown, title)))
    known = [finding for finding in findings.values() if finding.verdict != "not run"]
    return f"{out / 'claims.md'}: {len(known)} of {len(findings)} claims measured"


def earlier(file: Path, only: list[str]) -> dict[str, Finding]:
    """Findings in `file` of all claims but `only`; none if that is empty. ConfigError for a key of no claim."""
    keys = {claim.key for claims in GROUPS.values() for claim in claims}
    unknown = sorted(set(only) - keys)
    if unknown:
        raise ConfigError(
            f"--only {unknown[0]}: no such claim; there are {', '.join(sorted(keys))}"
        )
    if not only or not file.is_file():
        return {}
    return {
        key: Finding(
            found["verdict"],
            found["words"],
            [tuple(row) for row in found["rows"]],
            found["numbers"],
        )
        for key, found in read_json(file).items()
        if key in keys and key not in only
    }


def content(findings: dict[str, Finding]) -> dict:
    """Of claims.json: for each claim its verdict, what was found in words and in a table, and the numbers, to six digits."""
    return {
        key: {
            "verdict": found.verdict,
            "words": found.words,
            "rows": [list(row) for row in found.rows],
            "numbers": stored(found.numbers),
        }
        for key, found in findings.items()
    }


def page(findings: dict[str, Finding], project: Project, files: list[str], out: Path) -> str:
    """Markdown: all claims in one table, then each with its numbers."""
    seeds = sorted({run.settings.seed for run in project.runs})
    words = f"seed {seeds[0]}" if len(seeds) == 1 else f"seeds {', '.join(map(str, seeds))}"
    conditions = f"{words or 'none'}; what is computed here on {machine.processor()}"
    listed = "".join(f"{file} " for file in files if file != "params.yaml")
    parts = [HEAD.format(files=listed, out=out, conditions=conditions), summary(findings), FIGURE]
    for heading, claims in GROUPS.items():
        parts.append(f"\n## {heading}\n")
        parts += [section(claim, findings[claim.key]) for claim in claims]
    return "".join(parts)


def summary(findings: dict[str, Finding]) -> str:
    """One row for each verdict, with links to its claims."""
    links: dict[str, list[str]] = {verdict: [] for verdict in get_args(Verdict)}
    for claims in GROUPS.values():
        for claim in claims:
            link = f"[{words_of(claim)}](#{words_of(claim).replace(' ', '-')})"
            links[findings[claim.key].verdict].append(link)
    rows: list[Row] = [("verdict", "claims")]
    rows += [(verdict, ", ".join(those)) for verdict, those in links.items() if those]
    return "\n" + markdown(rows)


def section(claim: Claim, found: Finding) -> str:
    """What is claimed, what was found, the numbers."""
    parts = [f"\n### {words_of(claim)}\n", f"\n{claim.says} ({claim.where})\n"]
    parts.append(f"\n**{found.verdict.capitalize()}.** {found.words}\n")
    if found.rows and claim.shows_rows:
        parts.append("\n" + (markdown if len(found.rows[0]) > 2 else listed)(found.rows))
    if claim.key == "adversarial_examples" and found.rows:
        parts.append(ADVERSARIAL)
    return "".join(parts)


def words_of(claim: Claim) -> str:
    return claim.key.replace("_", " ")


def listed(rows: list[Row]) -> str:
    """Rows of two cells as a line: heading (heading): name (value), name (value)."""
    (names, values), *rest = rows
    return f"{names.capitalize()} ({values}): {', '.join(f'{a} ({b})' for a, b in rest)}.\n"
