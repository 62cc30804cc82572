"""What is valid in params.yaml, but does less than one may expect: a line for each."""

from collections.abc import Iterator

from pipeline.config.datasets import Dataset
from pipeline.config.models.gan.train import Train
from pipeline.config.params import Params, Run


def notes(params: Params) -> list[str]:
    """Each names the key, what comes of it and what to write instead."""
    return [
        f"runs.{name}.{note}"
        for name, run in params.runs.items()
        for note in (
            *(on_training(run.train) if isinstance(run.train, Train) else ()),
            *(on_weights(run) if isinstance(run.train, Train) else ()),
            *on_images(run, params.datasets[run.dataset]),
        )
    ]


def on_training(train: Train) -> Iterator[str]:
    if "generator_loss" not in train.model_fields_set:
        return
    if train.feature_matching and train.feature_matching.alone:
        yield "train.generator_loss has no effect beside feature_matching.alone; leave it out"
    if train.autoencoder and train.autoencoder.name == "vae":
        yield "train.generator_loss has no effect in a vae, whose G does not learn from D; leave it out"


def on_weights(run: Run) -> Iterator[str]:
    if run.train.ema and run.sample.weights == "raw":
        yield (
            "train.ema is set, but samples are drawn from the last weights, and only the pictures on the "
            "way show the average; set sample.weights: ema, or leave train.ema out"
        )


def on_images(run: Run, dataset: Dataset) -> Iterator[str]:
    """Of what there is less than is asked for, all is taken."""
    test = dataset.images[1] if dataset.images else None
    for key, there in (
        ("real_data_images", dataset.training_images),
        ("test_images", test),
    ):
        asked = getattr(run.parzen, key)
        if asked is not None and there is not None and asked > there:
            kind = "test images" if key == "test_images" else "training images"
            yield (
                f"parzen.{key} is {asked:,}, but {run.dataset} has {there:,} {kind}: all of them are used; "
                f"set it to {there}"
            )
