"""python -m pipeline STAGE [NAME]: one stage by hand; the same commands that dvc.yaml runs."""

import argparse
import json
import os
import sys
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from pipeline import __version__, paths
from pipeline.engine import processes, ranks
from pipeline.engine.by_hand import warn_of_other_inputs
from pipeline.engine.folder import said_in_words
from pipeline.engine.input_guard import recorded_as_read
from pipeline.errors import DISK_ERRORS, ConfigError, PipelineError, refused_write

if TYPE_CHECKING:
    from pipeline.config.datasets import Dataset
    from pipeline.config.params import Run

# Waiting threads spin for some microseconds, then sleep. Endless spinning made a training step 30 times
# slower where other programs use the same cores; no spinning makes it 1.6 times slower where none does.
# GNU OpenMP reads this when torch is imported, which the stages do.
os.environ.setdefault("GOMP_SPINCOUNT", "10000")

# torch warns about a package that dvclive depends on; users cannot change that
warnings.filterwarnings(
    "ignore", message="The pynvml package is deprecated", category=FutureWarning
)


def main(arguments: list[str] | None = None) -> int:
    """Run a command. Returns 0, 1 after an error printed in a few lines, 130 after Ctrl-C.

    Ranks of a training return ranks.SAID instead of 1, so that the error is printed once.
    """
    options = parser().parse_args(arguments)
    if ranks.inside():
        ranks.set_up()
    else:
        processes.interrupt_on_sigterm()
    failed = ranks.SAID if ranks.inside() else 1
    try:
        if not ranks.inside() and "DVC_STAGE" not in os.environ:
            warn_of_other_inputs(options.stage, getattr(options, "name", None))
        with recorded_as_read():
            options.command(options)
    except PipelineError as error:
        print(f"error: {error}", file=sys.stderr)
        return failed
    except DISK_ERRORS as error:
        if why := refused_write(error):
            step = "make room, get write access or mend that path, then run the same command again."
        elif isinstance(error, OSError) and error.filename:
            why, step = f"{error.strerror} ({error.filename})", "mend that path and run it again."
        else:
            raise
        print(f"error: {why}. Nothing half-written was left behind; {step}", file=sys.stderr)
        return failed
    except KeyboardInterrupt:
        print("interrupted; the same command goes on from the last checkpoint", file=sys.stderr)
        return 130
    return 0


def parser() -> argparse.ArgumentParser:
    top = argparse.ArgumentParser(
        prog="python -m pipeline",
        description="Run one stage by hand. All of them, in order: snakemake --cores all, or dvc repro.",
    )
    top.add_argument("--version", action="version", version=__version__)
    commands = top.add_subparsers(title="stages and commands", required=True, metavar="COMMAND")

    def add(name: str, action: Callable, purpose: str) -> argparse.ArgumentParser:
        command = commands.add_parser(name, help=purpose, description=purpose)
        command.set_defaults(command=action, stage=name)
        return command

    check_command = add("check", check, "validate params.yaml and every key in it")
    check_command.add_argument(
        "--file", type=Path, default=paths.PARAMS, help="another params file"
    )
    check_command.add_argument(
        "--out", type=Path, help="write the settings with all defaults filled in"
    )
    add(
        "upgrade", upgrade, "give a params.yaml of an earlier version the keys of this one"
    ).add_argument("--file", type=Path, default=paths.PARAMS, help="another params file")
    new_options(add("new", new, "write a dataset and a run of your own pictures into params.yaml"))
    for name, action, purpose in (
        ("download", download, "fetch a dataset and verify its SHA-256"),
        ("normalize", normalize, "scale to [-1, 1] and split into train, valid and test"),
        ("features", features, "train the classifier whose features the metrics compare"),
    ):
        stage = add(name, action, purpose)
        stage.add_argument("name", metavar="DATASET", help="a key of datasets:")
        if action is download:
            stage.add_argument(
                "--accept",
                action="store_true",
                help="instead: take the pictures of a folder as they are now, by writing their digest",
            )
    for name, action, purpose in (
        ("train", train, "train the generator and the discriminator"),
        ("sample", sample, "draw samples from the trained generator"),
        ("parzen", parzen, "log-likelihood of the test set under a Parzen window of the samples"),
        ("metrics", metrics, "distances to real images, diversity, copies and theory"),
        ("figures", figures, "Figures 1 to 3 of the paper, curves, real beside generated"),
        ("scores", scores, "the run's numbers, flat and rounded"),
    ):
        stage = add(name, action, purpose)
        stage.add_argument("name", metavar="RUN", help="a key of runs:")
        if action is metrics:
            stage.add_argument(
                "--validation",
                action="store_true",
                help="instead: print the numbers beside validation images, to choose settings by",
            )
        if action is figures:
            stage.add_argument(
                "--pdf", action="store_true", help="instead: a PDF beside each PNG, for print"
            )
    add("table", table, "Table 1 over all runs, beside the published rows")
    sweep_command = add(
        "sweep", sweep, "write variants of a run, such as other seeds, into params.yaml"
    )
    sweep_command.add_argument(
        "run", metavar="RUN", nargs="?", help="a key of runs: (default: all that have seeds:)"
    )
    sweep_command.add_argument(
        "grid", metavar="KEY=VALUE,VALUE", nargs="*", help="seed=0,1,2 train.steps=1000,2000"
    )
    sweep_command.add_argument(
        "--file", type=Path, default=paths.PARAMS, help="another params file"
    )
    sweep_command.add_argument(
        "--rewrite",
        action="store_true",
        help="rewrite variants that no longer match the run that they vary",
    )
    sweep_command.add_argument(
        "--in-full",
        action="store_true",
        help="instead: write out the runs that share blocks (&name, *name), for dvc exp run -S",
    )
    add("page", page, "write results/index.html: all results on one page").add_argument(
        "--open", action="store_true", help="and open it, where there is a desktop"
    )
    add(
        "compare", compare, "settings that differ and the main numbers, of runs or revisions"
    ).add_argument(
        "names",
        metavar="RUN|REV",
        nargs="*",
        help="runs of params.yaml, commits, branches, tags, DVC experiments (default: all runs); with "
        "revisions each run is compared between them, or between one and this folder",
    )
    add("costs", costs, "what the runs here cost: seconds, images/s, memory, on which processor")
    share_command = add("share", share, "push the branch and its results to the team")
    share_command.add_argument(
        "--partial",
        action="store_true",
        help="even if some stages have not run, such as a failing one",
    )
    share_command.add_argument(
        "--all-data",
        action="store_true",
        help="also images of datasets that may not be passed on, such as TFD's",
    )
    add("fetch", fetch, "pull the team's branch and results")
    add("mend", mend, "repair what a kill -9 of dvc has left")
    prune_options(
        add("prune", prune, "show disk use, and delete results that no kept commit needs")
    )
    score_options(add("score", score, "the Parzen log-likelihood of any samples (.npy files)"))
    return top


def check(options: argparse.Namespace) -> None:
    from pipeline.config.notes import notes
    from pipeline.config.params import load

    params = load(options.file)
    for note in notes(params):
        print(f"note: {note}", file=sys.stderr)
    if options.out:
        from pipeline.engine.experiments import check_shared_blocks
        from pipeline.io.files import write_json

        check_shared_blocks(options.file)
        write_json(options.out, params.model_dump(mode="json"))
    print(f"{options.file} is valid: {len(params.datasets)} datasets, {len(params.runs)} runs")


def upgrade(options: argparse.Namespace) -> None:
    from pipeline.config.upgrade import upgrade

    changed = upgrade(options.file)
    print("\n".join(changed) if changed else f"{options.file} has the keys of this version already")


def new_options(command: argparse.ArgumentParser) -> None:
    command.add_argument("name", metavar="NAME", help="of the dataset and of the run")
    command.add_argument(
        "--folder", required=True, help="with the pictures; sub-folders are classes"
    )
    command.add_argument(
        "--preset",
        choices=("dcgan", "paper", "quick", "vae_gan"),
        help="nets and settings (default: dcgan from 16 to 64 pixels, else quick)",
    )
    command.add_argument(
        "--size", metavar="SIDE or HEIGHTxWIDTH", help="bring the pictures to so many pixels"
    )
    command.add_argument(
        "--conditional",
        action=argparse.BooleanOptionalAction,
        help="tell the players the class (default: if there are 2 to 50)",
    )
    command.add_argument(
        "--minutes", type=float, default=2.0, help="of training, about, on two cores (default: 2)"
    )
    command.add_argument("--file", type=Path, default=paths.PARAMS, help="another params file")


def new(options: argparse.Namespace) -> None:
    from pipeline.start.new import new
    from pipeline.start.settings import Wishes, size_from

    size = None if options.size is None else size_from(options.size)
    wishes = Wishes(options.preset, size, options.conditional, options.minutes)
    print("\n".join(new(options.file, options.name, options.folder, wishes)))


def download(options: argparse.Namespace) -> None:
    dataset, files = dataset_named(options.name)
    if options.accept:
        from pipeline.start.new import accept

        print(accept(paths.PARAMS, options.name, dataset.source))
        return
    from pipeline.stages import download

    download.run(dataset.source, files.raw, files.provenance)


def normalize(options: argparse.Namespace) -> None:
    dataset, files = dataset_named(options.name)
    from pipeline.stages import normalize

    normalize.run(dataset.normalize, files.raw, files.normalized)


def features(options: argparse.Namespace) -> None:
    dataset, files = dataset_named(options.name)
    from pipeline.stages import features

    features.run(
        options.name,
        dataset.source,
        files.normalized,
        files.extractor,
        files.extractor.with_suffix(".json"),
    )


def train(options: argparse.Namespace) -> None:
    run, files = run_named(options.name)
    if run.train.devices > 1 and not ranks.inside():
        from pipeline.compute import devices

        devices.choose(run.train.device, run.train.precision, run.train.devices)
        ranks.launch(run.train.devices, "train", options.name)
        return
    from pipeline.compute import gpus
    from pipeline.stages import train

    inputs = train.Paths(
        data=paths.Dataset(run.dataset).normalized,
        model=files.model,
        log=files.log,
        verdict=files.verdict,
        costs=files.costs,
        progress=files.progress,
        live=files.live,
        checkpoints=paths.CHECKPOINTS,
    )
    with gpus.lease(gpus.wanted(run.train.model_dump()), f"train {options.name}"):
        train.run(options.name, run.train, run.seed, run.threads, inputs)


def sample(options: argparse.Namespace) -> None:
    run, files = run_named(options.name)
    from pipeline.stages import sample

    inputs = sample.Paths(
        model=files.model,
        samples=files.samples,
        views=files.views,
        grid=files.grid,
        costs=files.costs,
    )
    sample.run(run.sample, run.seed, run.threads, inputs)


def parzen(options: argparse.Namespace) -> None:
    run, files = run_named(options.name)
    from pipeline.stages import parzen

    data = paths.Dataset(run.dataset).normalized
    parzen.run(run.parzen, run.threads, files.samples, files.views, data, files.parzen)


def metrics(options: argparse.Namespace) -> None:
    run, files = run_named(options.name)
    data = paths.Dataset(run.dataset)
    from pipeline.stages import metrics

    inputs = metrics.Paths(
        samples=files.samples,
        views=files.views,
        model=files.model,
        data=data.normalized,
        features=data.extractor,
        metrics=files.metrics,
        theory=files.theory,
    )
    if options.validation:
        print(json.dumps(metrics.on_validation(run.dataset, run.threads, inputs), indent=2))
    else:
        metrics.run(options.name, run.dataset, run.threads, run.sample.weights, inputs)


def figures(options: argparse.Namespace) -> None:
    run, files = run_named(options.name)
    dataset, data = dataset_named(run.dataset)
    from pipeline.stages import figures

    inputs = figures.Paths(folder=files.folder, data=data.normalized)
    formats = ("pdf",) if options.pdf else ("png",)
    figures.run(options.name, dataset.source, run.sample, inputs, formats)


def scores(options: argparse.Namespace) -> None:
    run, files = run_named(options.name)
    from pipeline.stages import scores

    scores.run(run.dataset, run.seed, files.folder, files.scores)


def table(options: argparse.Namespace) -> None:
    from pipeline.config.params import load

    params = load(paths.PARAMS)
    from pipeline.report.settings import seed_groups
    from pipeline.stages import table

    sources = {name: str(dataset.source.name) for name, dataset in params.datasets.items()}
    table.run(
        list(params.runs),
        sources,
        seed_groups(params.runs),
        paths.SCORES,
        paths.TABLE,
        paths.SUMMARY,
    )


def page(options: argparse.Namespace) -> None:
    from pipeline.report import page

    print(f"Page of results: {page.write(show=options.open).resolve()}")


def compare(options: argparse.Namespace) -> None:
    import shutil

    from pipeline.report.compare import compare

    print(compare(options.names, shutil.get_terminal_size((80, 24)).columns))


def sweep(options: argparse.Namespace) -> None:
    from pipeline.team.sweep import fan_out, sweep, write_in_full

    run, grid, file = options.run, options.grid, options.file
    if options.in_full:
        names = write_in_full(file)
        print(f"{file}: written in full: {', '.join(names) or 'every run was already'}")
        return
    written = sweep(file, run, grid, options.rewrite) if run else fan_out(file, options.rewrite)
    for words, names in (
        ("added", written.added),
        ("rewritten", written.rewritten),
        ("there already", written.present),
    ):
        if names:
            print(f"{file}: {words}: {', '.join(names)}")
    print("Next: snakemake --cores all (or dvc repro)")


def costs(options: argparse.Namespace) -> None:
    from pipeline.config.params import load
    from pipeline.io import costs

    files = {name: paths.Run(name) for name in load(paths.PARAMS).runs}
    found = {name: costs.read(run.costs, run.model) for name, run in files.items()}
    print(costs.table(found))


def share(options: argparse.Namespace) -> None:
    from pipeline.team import share

    with said_in_words():
        share.share(options.partial, options.all_data)


def fetch(options: argparse.Namespace) -> None:
    from pipeline.team import fetch

    with said_in_words():
        fetch.fetch()


def mend(options: argparse.Namespace) -> None:
    from pipeline.engine import repair

    with said_in_words():
        repair.mend_all()


def prune_options(command: argparse.ArgumentParser) -> None:
    command.add_argument(
        "--keep",
        choices=("commits", "branches", "workspace"),
        default="commits",
        help="results of all commits (default), of the tips of branches and tags, or what is here; "
        "those of commits not pushed and of experiments are always kept",
    )
    command.add_argument(
        "--days", type=int, default=14, help="age of logs and checkpoints to drop (default: 14)"
    )
    command.add_argument("--yes", action="store_true", help="do not ask")


def prune(options: argparse.Namespace) -> None:
    from pipeline.team import prune

    with said_in_words():
        prune.run(options.keep, options.days, options.yes)


def score_options(command: argparse.ArgumentParser) -> None:
    command.add_argument(
        "--samples",
        type=Path,
        required=True,
        nargs="+",
        metavar="FILE.npy",
        help="samples to score; several files are parts of one array",
    )
    for name, content in (
        ("valid", "held-out images that choose sigma"),
        ("test", "images to score"),
    ):
        command.add_argument(
            f"--{name}", type=Path, required=True, metavar="FILE.npy", help=content
        )
    command.add_argument(
        "--real", type=Path, metavar="FILE.npy", help="training images: the real-data line"
    )
    command.add_argument(
        "--range",
        type=float,
        nargs=2,
        default=(0.0, 1.0),
        metavar=("LOW", "HIGH"),
        help="range of the pixels in the files (default: 0 1); they are scored in [0, 1]",
    )
    command.add_argument("--precision", choices=("float32", "float64"), default="float64")
    command.add_argument("--out", type=Path, metavar="FILE.json", help="write the result here, too")


def score(options: argparse.Namespace) -> None:
    from pipeline.config.parzen import Parzen
    from pipeline.stages import score

    score.run(
        score.Files(options.samples, options.valid, options.test, options.real),
        (options.range[0], options.range[1]),
        Parzen(precision=options.precision, samples=None),
        options.out,
    )


def dataset_named(name: str) -> "tuple[Dataset, paths.Dataset]":
    """Settings and files of a dataset; ConfigError if params.yaml is invalid or lacks it."""
    from pipeline.config.params import load

    return one(load(paths.PARAMS).datasets, "datasets", name), paths.Dataset(name)


def run_named(name: str) -> "tuple[Run, paths.Run]":
    """Settings and files of a run; ConfigError if params.yaml is invalid or lacks it."""
    from pipeline.config.params import load

    return one(load(paths.PARAMS).runs, "runs", name), paths.Run(name)


def one(section: dict, kind: str, name: str):
    """The entry `name` of a section of params.yaml; ConfigError lists the names that there are."""
    if name not in section:
        raise ConfigError(f"{paths.PARAMS} has no {kind}.{name}; it has: {', '.join(section)}")
    return section[name]
