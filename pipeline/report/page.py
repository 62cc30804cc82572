"""One HTML file with all results: no request, no script; written anew after each run of an engine."""

import os
import sys
import webbrowser
from pathlib import Path

from jinja2 import Environment, PackageLoader, StrictUndefined

from pipeline import paths
from pipeline.config.params import Params, load, read
from pipeline.io.costs import COLUMNS as COSTS
from pipeline.io.files import write_bytes
from pipeline.report import provenance
from pipeline.report.figures import figures_of
from pipeline.report.recorded import Recorded, of_this_folder, unfinished
from pipeline.report.runs import Facts, decoder, facts, steps_so_far
from pipeline.report.sections import section
from pipeline.report.settings import seed_groups

PAGE = paths.RESULTS / "index.html"


def write(show: bool = False) -> Path:
    """Write the page of this folder; with `show`, open it in a browser where there is a desktop."""
    params, content, recorded = load(paths.PARAMS), read(paths.PARAMS), of_this_folder()
    runs = {name: facts(name, run) for name, run in params.every_run.items()}
    for name, fact in runs.items():
        why = unfinished(name, content, recorded, lambda path: Path(path).exists())
        if why:
            fact.trouble.insert(0, why + progress(name, fact, why))
    decoders = {name: decoder(name) for name in params.likelihoods}
    write_bytes(PAGE, render(params, recorded, runs, decoders).encode())
    if show and has_desktop():
        webbrowser.open(PAGE.resolve().as_uri())
    return PAGE


def progress(name: str, fact: Facts, why: str) -> str:
    """How far a training has come that is not recorded yet."""
    step = steps_so_far(name) if why.startswith("train has not") else None
    return "" if step is None else f"; step {step:,} of {fact.run.train.steps:,} so far"


def has_desktop() -> bool:
    """Whether a browser can be shown to who typed the command: on a terminal, not over SSH."""
    if os.environ.get("SSH_CONNECTION") or not sys.stdout.isatty():
        return False
    displays = ("DISPLAY", "WAYLAND_DISPLAY")
    return sys.platform == "darwin" or any(map(os.environ.get, displays))


def render(
    params: Params, recorded: Recorded, runs: dict[str, Facts], decoders: dict[str, dict | None]
) -> str:
    """The page as HTML. `decoders`: scores of the entries of `likelihoods:`, None where there are none yet."""
    groups = seed_groups(params.every_run)
    estimated = {name: found for name, found in decoders.items() if found is not None}
    environment = Environment(
        loader=PackageLoader("pipeline.report"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    sheets, figures = figures_of(params, groups)
    datasets = dict.fromkeys(run.dataset for run in params.every_run.values())
    return environment.get_template("page.html.j2").render(
        sections=[section(name, params, runs, groups, estimated) for name in datasets],
        not_estimated=[name for name, found in decoders.items() if found is None],
        runs=runs,
        sheets=sheets,
        figures=figures,
        costs=COSTS,
        format_cost=format,
        trouble={name: fact.trouble for name, fact in runs.items() if fact.trouble},
        made=provenance.of_page(),
        data=[provenance.of_dataset(name, recorded) for name in datasets],
        models={name: provenance.of_model(name, fact, recorded) for name, fact in runs.items()},
    )
