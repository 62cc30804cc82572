"""Notes on settings that are valid, but have less effect than one may expect."""

from collections.abc import Iterator

import psutil

from pipeline.config import memory
from pipeline.config.datasets import Dataset
from pipeline.config.models.gan.losses import is_critic
from pipeline.config.models.gan.train import Train
from pipeline.config.params import Params, Run


def notes(params: Params) -> list[str]:
    """One line for each: the key, its effect, and what to write instead."""
    return [
        f"{'continued' if name in params.continued else 'runs'}.{name}.{note}"
        for name, run in params.every_run.items()
        for note in (
            *(on_training(run.train) if isinstance(run.train, Train) else ()),
            *(on_augmentation(run.train) if isinstance(run.train, Train) else ()),
            *(on_slopes(run.train) if isinstance(run.train, Train) else ()),
            *(on_length(run.train) if isinstance(run.train, Train) else ()),
            *on_weights(run),
            *on_memory(run, params.datasets[run.dataset]),
            *on_images(run, params.datasets[run.dataset]),
            *on_features(run, params.datasets[run.dataset]),
        )
    ]


def on_augmentation(train: Train) -> Iterator[str]:
    """An augmentation that is never applied."""
    chosen = train.augmentation
    if chosen and chosen.of_inputs and chosen.p == 0 and not chosen.ada:
        yield "train.augmentation.p is 0, so D sees images as they are; raise it, or leave it out"


def on_training(train: Train) -> Iterator[str]:
    """Losses of G that other settings replace; a critic's loss is also D's."""
    if "loss" not in train.model_fields_set:
        return
    if train.feature_matching and train.feature_matching.alone and not is_critic(train.loss):
        yield "train.loss has no effect beside feature_matching.alone; leave it out"
    if train.autoencoder and train.autoencoder.name == "vae":
        yield "train.loss has no effect in a vae, whose G does not learn from D; leave it out"


def on_slopes(train: Train) -> Iterator[str]:
    """A penalty on the slope of a D whose output for an image depends on the others of its batch."""
    if getattr(train.discriminator, "norm", "none") != "batch":
        return
    for key in ("r1", "r2"):
        if getattr(train, key):
            yield (
                f"train.{key}: with BatchNorm an image moves what D says of the others, too, so the slope is that of the "
                "batch's sum; set discriminator.norm: none or instance for each image's own"
            )


def on_length(train: Train) -> Iterator[str]:
    """What would begin after the last step."""
    past, replay = train.past_players, train.replay
    if past and 2 * past.every_steps >= train.steps:
        yield (
            f"train.past_players: the first pair returns after {2 * past.every_steps:,} steps, of {train.steps:,}; set "
            "every_steps to less than half of steps"
        )
    samples = train.steps * train.batch_size * max(each.k for each in train.discriminator_steps)
    if replay and replay.size >= samples:
        yield (
            f"train.replay.size is {replay.size:,}, and G draws {samples:,} samples for D at most, so none is shown again; "
            "set size to less"
        )
    for each in train.discriminator_steps:
        if each.from_step >= train.steps:
            yield f"train.discriminator_steps: from_step {each.from_step:,} is after the last of {train.steps:,} steps"
    for name, player in (("generator", train.generator), ("discriminator", train.discriminator)):
        warmup = getattr(player.optimizer.schedule, "warmup_steps", 0)
        if warmup > train.steps:
            yield (
                f"train.{name}.optimizer.schedule.warmup_steps is {warmup:,}, so the rate does not reach lr in "
                f"{train.steps:,} steps; set it to less"
            )


def on_weights(run: Run) -> Iterator[str]:
    """A moving average that is trained but not sampled from."""
    if run.train.ema and run.sample.weights == "raw":
        yield (
            "train.ema is set, but samples are drawn from the last weights, and only the pictures drawn "
            "during training show the average; set sample.weights: ema, or leave train.ema out"
        )


def on_memory(run: Run, dataset: Dataset) -> Iterator[str]:
    """More than this machine has: right only for a run on another one."""
    key, needed = memory.largest(run, dataset)
    here = psutil.virtual_memory().total
    if needed > here:
        yield (
            f"{key} needs {memory.size(needed)} of memory at least, and this machine has {memory.size(here)}"
        )


def on_images(run: Run, dataset: Dataset) -> Iterator[str]:
    """Where fewer images exist than are asked for, all of them are used."""
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


def on_features(run: Run, dataset: Dataset) -> Iterator[str]:
    """A model that is the same everywhere, measured on features that are not."""
    if run.train.reproducible == "anywhere" and dataset.reproducible == "here":
        yield (
            f"train.reproducible is anywhere, but FID and its like are measured on features of {run.dataset} that "
            f"differ between processors; set datasets.{run.dataset}.reproducible: anywhere"
        )
