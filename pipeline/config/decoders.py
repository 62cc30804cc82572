"""Checks an entry of `likelihoods:` against its run and dataset, before anything is computed."""

from typing import TYPE_CHECKING

from pipeline.config.datasets import Dataset, MixturePoints
from pipeline.config.likelihood import Likelihood
from pipeline.config.models.gan.train import Train

if TYPE_CHECKING:
    from pipeline.config.params import Run


def check_likelihood(
    entry: Likelihood, runs: dict[str, "Run"], datasets: dict[str, Dataset]
) -> None:
    """ValueError that names the key of `entry`, what is wrong and what to write."""
    if entry.run not in runs:
        raise ValueError(f"run is {entry.run!r}; known runs: {', '.join(runs)}")
    run = runs[entry.run]
    if entry.dataset != run.dataset:
        raise ValueError(
            f"dataset is {entry.dataset!r}, but runs.{entry.run}.dataset is {run.dataset!r}: write "
            f"dataset: {run.dataset}"
        )
    if entry.weights == "ema" and run.train.ema is None:
        raise ValueError(
            f"weights is ema, but runs.{entry.run}.train.ema is not set; write raw, or leave it out"
        )
    if entry.sigma is not None and "sigma_search" in entry.model_fields_set:
        raise ValueError("sigma is given, so nothing is searched: leave out sigma or sigma_search")
    check_decoder(entry.run, run.train, run.model)
    check_images(entry, datasets[run.dataset])


def check_decoder(name: str, train: object, family: str) -> None:
    """ValueError unless the run has a G whose image is a function of z alone."""
    if not isinstance(train, Train):
        raise ValueError(
            f"run is {name}, of model: {family}, which has no decoder G(z). What is known of its "
            f"log-likelihood stands in results/{name}/theory.json; name a run of model: gan"
        )
    G = train.generator
    if train.conditional:
        raise ValueError(
            f"run is {name}, whose G is told the class (train.conditional): its p(x) is a mixture over classes, "
            "which is not estimated; name a run without it"
        )
    for key, disturbed in (
        ("dropout", G.dropout > 0 and G.dropout_when_sampling),
        ("noise_std", G.noise_std > 0 and G.noise_when_sampling),
    ):
        if disturbed:
            raise ValueError(
                f"run is {name}, whose G draws at random when it is sampled (train.generator.{key}), so its "
                f"image is no function of z; set {key.partition('_')[0]}_when_sampling: false there"
            )


def check_images(entry: Likelihood, dataset: Dataset) -> None:
    """ValueError unless the images are of 256 grey levels, and as many as are asked for."""
    if isinstance(dataset.source, MixturePoints):
        raise ValueError(
            f"dataset is {entry.dataset}: points of a known density have no grey levels; C(G) of theory.json "
            "says how near G is. Name a run on images"
        )
    if dataset.normalize.gcn is not None:
        raise ValueError(
            f"dataset is {entry.dataset}, which is contrast-normalised (gcn), so pixels are no grey levels any more; "
            "name a run on images as they are"
        )
    validation, test = dataset.normalize.validation_images, dataset.images and dataset.images[1]
    for key, asked, there, what in (
        ("images", entry.images, test, "test images"),
        ("sigma_search.images", entry.sigma_search.images, validation, "validation images"),
    ):
        if there is not None and asked > there and (entry.sigma is None or key == "images"):
            raise ValueError(
                f"{key} is {asked:,}, but {entry.dataset} has {there:,} {what}; set it to that or less"
            )
