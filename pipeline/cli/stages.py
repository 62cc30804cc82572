"""The stages of dvc.yaml by hand, but for check."""

import argparse
import json

from pipeline import paths
from pipeline.cli.named import Add, dataset_named, likelihood_named, run_named
from pipeline.compute import arithmetic
from pipeline.engine import ranks
from pipeline.io.header import about


def commands(add: Add) -> None:
    for name, action, purpose in (
        ("download", download, "fetch a dataset and verify its SHA-256"),
        ("normalize", normalize, "scale to [-1, 1] and split into train, valid and test"),
        ("features", features, "train the classifier whose features the metrics compare"),
    ):
        of_dataset = add(name, action, purpose)
        of_dataset.add_argument("name", metavar="DATASET", help="a key of datasets:")
        if action is download:
            of_dataset.add_argument(
                "--accept",
                action="store_true",
                help="instead: take your pictures as they are now, by writing their digest",
            )
    for name, action, purpose in (
        ("train", train, "train the generator and the discriminator"),
        ("sample", sample, "draw samples from the trained generator"),
        ("parzen", parzen, "log-likelihood of the test set under a Parzen window of the samples"),
        ("metrics", metrics, "distances to real images, diversity, copies and theory"),
        ("figures", figures, "Figures 1 to 3 of the paper, curves, real beside generated"),
        ("scores", scores, "the run's numbers, flat and rounded"),
    ):
        of_run = add(name, action, purpose)
        of_run.add_argument("name", metavar="RUN", help="a key of runs:")
        if action is metrics:
            of_run.add_argument(
                "--validation",
                action="store_true",
                help="instead: print the numbers beside validation images, to choose settings by",
            )
        if action is figures:
            of_run.add_argument(
                "--pdf", action="store_true", help="instead: a PDF beside each PNG, for print"
            )
    add(
        "likelihood", likelihood, "log p of test images under G with Gaussian noise, by AIS"
    ).add_argument("name", metavar="LIKELIHOOD", help="a key of likelihoods:")
    add("table", table, "Table 1 over all runs, beside the published rows")


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
    arithmetic.enter(dataset.reproducible)
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
    arithmetic.enter(run.train.reproducible)
    if run.train.devices > 1 and not ranks.inside():
        from pipeline.compute import devices

        devices.choose(run.train.device, run.train.precision, run.train.devices)
        ranks.launch(run.train.devices, "train", options.name)
        return
    from pipeline.compute import gpus
    from pipeline.config.params import Continued
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
        start=paths.Run(run.origin).model if isinstance(run, Continued) else None,
    )
    with gpus.lease(gpus.wanted(run.train.model_dump()), f"train {options.name}"):
        train.run(options.name, run.train, run.seed, run.threads, inputs)


def enter_as_trained(files: paths.Run) -> None:
    """What is made from a model is computed as the model was."""
    train = about(files.model).get("train")
    arithmetic.enter(train.get("reproducible", "here") if isinstance(train, dict) else "here")


def sample(options: argparse.Namespace) -> None:
    run, files = run_named(options.name)
    enter_as_trained(files)
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
    enter_as_trained(files)
    from pipeline.stages import parzen

    data = paths.Dataset(run.dataset).normalized
    parzen.run(
        options.name, run.parzen, run.threads, files.samples, files.views, data, files.parzen
    )


def metrics(options: argparse.Namespace) -> None:
    run, files = run_named(options.name)
    data = paths.Dataset(run.dataset)
    enter_as_trained(files)
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
        metrics.run(options.name, run.dataset, run.threads, run.sample, inputs)


def figures(options: argparse.Namespace) -> None:
    run, files = run_named(options.name)
    dataset, data = dataset_named(run.dataset)
    enter_as_trained(files)
    from pipeline.stages import figures

    inputs = figures.Paths(folder=files.folder, data=data.normalized)
    formats = ("pdf",) if options.pdf else ("png",)
    written = figures.run(options.name, dataset, run.sample, inputs, formats)
    if options.pdf:
        print(f"Figures of {options.name}: {', '.join(map(str, written))}")


def scores(options: argparse.Namespace) -> None:
    run, files = run_named(options.name)
    from pipeline.stages import scores

    inputs = scores.Paths(
        folder=files.folder,
        model=files.model,
        provenance=paths.Dataset(run.dataset).provenance,
        scores=files.scores,
        card=files.card,
    )
    scores.run(options.name, run.dataset, run.seed, inputs)


def likelihood(options: argparse.Namespace) -> None:
    entry, files = likelihood_named(options.name)
    enter_as_trained(paths.Run(entry.run))
    from pipeline.compute import gpus
    from pipeline.stages import likelihood

    inputs = likelihood.Paths(
        model=paths.Run(entry.run).model,
        data=paths.Dataset(entry.dataset).normalized,
        result=files.result,
        scores=files.scores,
    )
    with gpus.lease(gpus.wanted(entry.model_dump()), f"likelihood {options.name}"):
        likelihood.run(options.name, entry, inputs)


def table(options: argparse.Namespace) -> None:
    from pipeline.config.params import load

    params = load(paths.PARAMS)
    from pipeline.report.settings import seed_groups
    from pipeline.stages import table

    sources = {name: dataset.published_as for name, dataset in params.datasets.items()}
    table.run(
        list(params.every_run),
        params.weights_of_likelihoods,
        sources,
        seed_groups(params.every_run),
        paths.SCORES,
        paths.TABLE,
        paths.SUMMARY,
    )
