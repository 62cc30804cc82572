"""Commands that look at results: page, gallery, compare, costs, claims, crate; and score, which measures any samples."""

import argparse
from pathlib import Path

from pipeline import paths
from pipeline.cli.named import Add, dataset_named
from pipeline.errors import ConfigError


def commands(add: Add) -> None:
    add("page", page, "write results/index.html: all results on one page").add_argument(
        "--open", action="store_true", help="and open it, where there is a desktop"
    )
    pictures = add("gallery", gallery, "samples of all runs of a dataset in one picture")
    pictures.add_argument("--dataset", metavar="DATASET", help="needed where there are several")
    pictures.add_argument(
        "--columns", type=int, default=16, metavar="N", help="samples of each run (default: 16)"
    )
    pictures.add_argument(
        "--out", type=Path, metavar="FILE.png", help="default: results/gallery_DATASET.png"
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
    claims_options(add("claims", claims, "what the paper claims in words, measured on runs"))
    add(
        "crate", crate, "describe code, data, settings and results as an RO-Crate (JSON-LD)"
    ).add_argument(
        "--out", type=Path, help="another place than ro-crate-metadata.json in this folder"
    )
    score_options(add("score", score, "all measures of any samples (.npy files)"))


def page(options: argparse.Namespace) -> None:
    from pipeline.report import page

    print(f"Page of results: {page.write(show=options.open).resolve()}")


def gallery(options: argparse.Namespace) -> None:
    from pipeline.report import gallery

    if not 1 <= options.columns <= 1_000:
        raise ConfigError(f"gallery: --columns is {options.columns}; take 1 to 1000")
    print(f"Samples of all runs: {gallery.write(options.dataset, options.columns, options.out)}")


def compare(options: argparse.Namespace) -> None:
    import shutil

    from pipeline.report.compare import compare

    print(compare(options.names, shutil.get_terminal_size((80, 24)).columns))


def costs(options: argparse.Namespace) -> None:
    from pipeline.config.params import load
    from pipeline.io import costs

    files = {name: paths.Run(name) for name in load(paths.PARAMS).every_run}
    found = {name: costs.read(run.costs, run.model) for name, run in files.items()}
    print(costs.table(found))


def claims_options(command: argparse.ArgumentParser) -> None:
    command.add_argument(
        "files",
        metavar="PARAMS.yaml",
        type=Path,
        nargs="*",
        default=[paths.PARAMS],
        help="whose runs are read where they are trained; several together (default: params.yaml)",
    )
    command.add_argument(
        "--out",
        type=Path,
        metavar="FOLDER",
        default=paths.RESULTS,
        help="gets claims.md, claims.json and two figures (default: results)",
    )
    command.add_argument(
        "--only",
        nargs="+",
        metavar="CLAIM",
        help="measure these alone, by their names in claims.json, and keep what it says of the others",
    )


def claims(options: argparse.Namespace) -> None:
    from pipeline.claims import report
    from pipeline.config.params import load

    files = {str(file): load(file) for file in options.files}
    print(report.run(files, options.out, options.only))


def crate(options: argparse.Namespace) -> None:
    from pipeline.report import crate

    out = options.out or crate.NAME
    print(f"{out}: {crate.write(out)} stages that have run")


def score_options(command: argparse.ArgumentParser) -> None:
    command.add_argument(
        "--samples",
        type=Path,
        required=True,
        nargs="+",
        metavar="FILE.npy",
        help="samples to score; several files are parts of one array",
    )
    command.add_argument(
        "--dataset",
        metavar="DATASET",
        help="of this project, whose images and extractor they are compared with: all measures",
    )
    for name, content in (
        ("valid", "without --dataset: held-out images that choose sigma"),
        ("test", "without --dataset: images to score, by the Parzen log-likelihood alone"),
    ):
        command.add_argument(f"--{name}", type=Path, metavar="FILE.npy", help=content)
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
    command.add_argument(
        "--inception",
        type=Path,
        metavar="FILE.pth",
        help="with --dataset: also FID on Inception features; the weights that torch-fidelity publishes",
    )
    command.add_argument("--precision", choices=("float32", "float64"), default="float64")
    command.add_argument("--out", type=Path, metavar="FILE.json", help="write the result here, too")


def score(options: argparse.Namespace) -> None:
    beside = (options.valid, options.test, options.real)
    if options.dataset is not None and any(beside):
        raise ConfigError(
            "score: --dataset brings its own images; leave out --valid, --test and --real"
        )
    if options.dataset is None and not (options.valid and options.test):
        raise ConfigError(
            "score: give --dataset, or both --valid and --test: what the samples are compared with"
        )
    if options.inception and options.dataset is None:
        raise ConfigError(
            "score: --inception compares with the images of a dataset; give --dataset"
        )
    from pipeline.config.parzen import Parzen

    pixel_range = (options.range[0], options.range[1])
    if options.dataset is not None:
        dataset_named(options.dataset)
        from pipeline.use import measure

        settings = Parzen(precision=options.precision)
        measure.run(
            options.dataset, options.samples, pixel_range, settings, options.inception, options.out
        )
        return
    from pipeline.stages import score

    score.run(
        score.Files(options.samples, options.valid, options.test, options.real),
        pixel_range,
        Parzen(precision=options.precision, samples=None),
        options.out,
    )
