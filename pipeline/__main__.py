"""python -m pipeline STAGE [NAME]: one stage by hand; the same commands that dvc.yaml runs."""

import argparse
import os
import sys
import warnings
from collections.abc import Callable
from pathlib import Path

from pipeline import __version__, processes, ranks
from pipeline.config.params import Run, load
from pipeline.errors import DISK_ERRORS, ConfigError, PipelineError, refused_write
from pipeline.guard import recorded_as_read

PARAMS = Path("params.yaml")
DATA, RESULTS = Path("data"), Path("results")
CHECKPOINTS = Path(".checkpoints")

# Threads that wait may spin for some microseconds only, then sleep: where other programs use the same
# cores, endless spinning made a training step 30 times slower; never spinning makes it 1.6 times slower
# where none does. Read by GNU OpenMP when torch is imported, which the stages do.
os.environ.setdefault("GOMP_SPINCOUNT", "10000")

# torch says so of a package that dvclive brings along; nothing a user could mend
warnings.filterwarnings(
    "ignore", message="The pynvml package is deprecated", category=FutureWarning
)


def main(arguments: list[str] | None = None) -> int:
    options = parser().parse_args(arguments)
    if not ranks.inside():  # a rank has its own handlers
        processes.interrupt_on_sigterm()
    try:
        with recorded_as_read():
            options.command(options)
    except PipelineError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    except DISK_ERRORS as error:
        if (why := refused_write(error)) is None:
            raise
        print(
            f"error: {why}. Nothing half-written was left behind; "
            "make room (or get write access) and run the same command again.",
            file=sys.stderr,
        )
        return 1
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
        command.set_defaults(command=action)
        return command

    check_command = add("check", check, "validate params.yaml and every key in it")
    check_command.add_argument("--file", type=Path, default=PARAMS, help="another params file")
    check_command.add_argument(
        "--out", type=Path, help="write the settings with all defaults filled in"
    )
    for name, action, purpose in (
        ("download", download, "fetch a dataset and verify its SHA-256"),
        ("normalize", normalize, "scale to [-1, 1] and split into train, valid and test"),
        ("features", features, "train the classifier whose features the metrics compare"),
    ):
        add(name, action, purpose).add_argument(
            "name", metavar="DATASET", help="a key of datasets:"
        )
    for name, action, purpose in (
        ("train", train, "train the generator and the discriminator"),
        ("sample", sample, "draw samples from the trained generator"),
        ("parzen", parzen, "log-likelihood of the test set under a Parzen window of the samples"),
        ("metrics", metrics, "distances to real images, variety, copies and theory"),
        ("figures", figures, "Figures 1 to 3 of the paper, curves, real beside generated"),
        ("scores", scores, "the run's numbers, flat and rounded"),
    ):
        add(name, action, purpose).add_argument("name", metavar="RUN", help="a key of runs:")
    add("table", table, "Table 1 over all runs, beside the published rows")
    sweep_command = add(
        "sweep", sweep, "write variants of a run into params.yaml (over seeds, ...)"
    )
    sweep_command.add_argument(
        "run", metavar="RUN", nargs="?", help="a key of runs: (default: all that have seeds:)"
    )
    sweep_command.add_argument(
        "grid", metavar="KEY=VALUE,VALUE", nargs="*", help="seed=0,1,2 train.steps=1000,2000"
    )
    sweep_command.add_argument("--file", type=Path, default=PARAMS, help="another params file")
    add("share", share, "push the branch and its results to the team").add_argument(
        "--partial",
        action="store_true",
        help="also if something is not run, such as a failing stage",
    )
    add("fetch", fetch, "pull the team's branch and results")
    add("mend", mend, "repair what a kill -9 of dvc has left")
    prune_options(add("prune", prune, "show what lies where, and drop what no kept commit needs"))
    score_options(
        add("score", score, "the Parzen log-likelihood of anybody's samples (.npy files)")
    )
    return top


def check(options: argparse.Namespace) -> None:
    params = load(options.file)
    if options.out:
        from pipeline.experiments import check_shared_blocks
        from pipeline.files import write_json

        check_shared_blocks(options.file)
        write_json(options.out, params.model_dump(mode="json"))
    print(f"{options.file} is valid: {len(params.datasets)} datasets, {len(params.runs)} runs")


def download(options: argparse.Namespace) -> None:
    dataset = one(load(PARAMS).datasets, "datasets", options.name)
    from pipeline.stages import download

    raw = DATA / "raw" / options.name
    download.run(dataset.source, raw.with_suffix(".npz"), raw.with_suffix(".json"))


def normalize(options: argparse.Namespace) -> None:
    dataset = one(load(PARAMS).datasets, "datasets", options.name)
    from pipeline.stages import normalize

    normalize.run(dataset.normalize, DATA / "raw" / f"{options.name}.npz", normalized(options.name))


def features(options: argparse.Namespace) -> None:
    dataset = one(load(PARAMS).datasets, "datasets", options.name)
    from pipeline.stages import features

    model = extractor(options.name)
    features.run(
        options.name, dataset.source, normalized(options.name), model, model.with_suffix(".json")
    )


def train(options: argparse.Namespace) -> None:
    run, folder = run_and_folder(options.name)
    if run.train.devices > 1 and not ranks.inside():
        from pipeline.gan import devices

        devices.choose(run.train.device, run.train.precision, run.train.devices)
        ranks.launch(run.train.devices, "train", options.name)
        return
    from pipeline import gpus
    from pipeline.stages import train

    paths = train.Paths(
        data=normalized(run.dataset),
        model=folder / "model.safetensors",
        log=folder / "training.tsv",
        verdict=folder / "verdict.json",
        progress=folder / "progress.png",
        live=folder / "live",
        checkpoints=CHECKPOINTS,
    )
    with gpus.lease(gpus.wanted(run.train.model_dump()), f"train {options.name}"):
        train.run(options.name, run.train, run.seed, run.threads, paths)


def sample(options: argparse.Namespace) -> None:
    run, folder = run_and_folder(options.name)
    from pipeline.stages import sample

    model, samples, grid = (
        folder / name for name in ("model.safetensors", "samples.npy", "grid.png")
    )
    sample.run(run.sample, run.seed, run.threads, model, samples, grid)


def parzen(options: argparse.Namespace) -> None:
    run, folder = run_and_folder(options.name)
    from pipeline.stages import parzen

    samples, out = folder / "samples.npy", folder / "parzen.json"
    parzen.run(run.parzen, run.threads, samples, normalized(run.dataset), out)


def metrics(options: argparse.Namespace) -> None:
    run, folder = run_and_folder(options.name)
    from pipeline.stages import metrics

    paths = metrics.Paths(
        samples=folder / "samples.npy",
        model=folder / "model.safetensors",
        data=normalized(run.dataset),
        features=extractor(run.dataset),
        metrics=folder / "metrics.json",
        theory=folder / "theory.json",
    )
    metrics.run(options.name, run.dataset, run.threads, paths)


def figures(options: argparse.Namespace) -> None:
    params = load(PARAMS)
    run, folder = run_and_folder(options.name)
    from pipeline.stages import figures

    source = str(params.datasets[run.dataset].source.name)
    paths = figures.Paths(folder=folder, data=normalized(run.dataset))
    figures.run(options.name, source, run.sample.weights, paths)


def scores(options: argparse.Namespace) -> None:
    run, folder = run_and_folder(options.name)
    from pipeline.stages import scores

    out = RESULTS / "scores" / f"{options.name}.json"
    scores.run(run.dataset, run.seed, folder, out)


def table(options: argparse.Namespace) -> None:
    params = load(PARAMS)
    from pipeline.stages import table

    sources = {name: str(dataset.source.name) for name, dataset in params.datasets.items()}
    table.run(
        list(params.runs),
        sources,
        families(params.runs),
        RESULTS / "scores",
        RESULTS / "table.md",
        RESULTS / "summary.json",
    )


def families(runs: dict[str, Run]) -> list[list[str]]:
    """Runs that are the same but for their seed, together."""
    together: dict[str, list[str]] = {}
    for name, run in runs.items():
        together.setdefault(run.model_copy(update={"seed": 0}).model_dump_json(), []).append(name)
    return list(together.values())


def sweep(options: argparse.Namespace) -> None:
    from pipeline.sweep import fan_out, sweep

    run, grid, file = options.run, options.grid, options.file
    written = sweep(file, run, grid) if run else fan_out(file)
    for words, names in (("added", written.added), ("there already", written.present)):
        if names:
            print(f"{file}: {words}: {', '.join(names)}")
    print("Next: snakemake --cores all (or dvc repro)")


def share(options: argparse.Namespace) -> None:
    from pipeline import team

    team.share(options.partial)


def fetch(options: argparse.Namespace) -> None:
    from pipeline import team

    team.fetch()


def mend(options: argparse.Namespace) -> None:
    from pipeline import folder

    folder.mend_all()


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
    from pipeline import prune

    prune.run(options.keep, options.days, options.yes)


def score_options(command: argparse.ArgumentParser) -> None:
    command.add_argument(
        "--samples",
        type=Path,
        required=True,
        nargs="+",
        metavar="FILE.npy",
        help="what to measure; several files are the parts of one array",
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


def run_and_folder(name: str) -> tuple[Run, Path]:
    return one(load(PARAMS).runs, "runs", name), RESULTS / name


def normalized(dataset: str) -> Path:
    return DATA / "normalized" / f"{dataset}.safetensors"


def extractor(dataset: str) -> Path:
    return DATA / "features" / f"{dataset}.safetensors"


def one(section: dict, kind: str, name: str):
    if name not in section:
        raise ConfigError(f"{PARAMS} has no {kind}.{name}; it has: {', '.join(section)}")
    return section[name]


if __name__ == "__main__":
    sys.exit(main())
