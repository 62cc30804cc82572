"""Which settings of `train` exclude each other, and why: a table."""

from __future__ import annotations

from collections.abc import Callable
from operator import attrgetter
from typing import TYPE_CHECKING

from pipeline.config.models.gan.losses import is_critic
from pipeline.config.models.gan.tips import Labels

if TYPE_CHECKING:
    from pipeline.config.models.gan.train import Train

CRITICS = "loss: hinge, least_squares, wasserstein or relativistic"

# where D's output for what may be either is not 0
UNSIGNED = "loss: least_squares, wasserstein or relativistic"

SLOPES = ("r1", "r2", "gradient_penalty")

# Entries of the table that are more than a key which is set.
ASKED_FOR: dict[str, Callable[[Train], object]] = {
    "update: simultaneous": lambda train: train.update == "simultaneous",
    "fresh_noise: false": lambda train: not train.fresh_noise,
    "autoencoder: vae": lambda train: train.autoencoder and train.autoencoder.name == "vae",
    "feature_matching.alone": lambda train: train.feature_matching and train.feature_matching.alone,
    "balance.train_generator_above": lambda train: (
        train.balance and train.balance.train_generator_above is not None
    ),
    "loss": lambda train: train.loss != type(train).model_fields["loss"].default,
    "loss: minimax": lambda train: train.loss == "minimax",
    "loss: label_flip": lambda train: train.loss == "label_flip",
    CRITICS: lambda train: is_critic(train.loss),
    UNSIGNED: lambda train: is_critic(train.loss) and train.loss != "hinge",
    "labels": lambda train: train.labels != Labels(),
    "batches: joint": lambda train: train.batches == "joint",
    "conditional.discriminator": lambda train: (
        train.conditional and train.conditional.discriminator
    ),
    "discriminator.norm: batch": lambda train: (
        getattr(train.discriminator, "norm", "none") == "batch"
    ),
    "augmentation of what D sees": lambda train: (
        train.augmentation and train.augmentation.of_inputs
    ),
    "augmentation.ada": lambda train: train.augmentation and train.augmentation.ada,
    "several devices": lambda train: train.devices > 1,
}

# a setting | those that do not go with it | why, and what to write instead
TABLE: tuple[tuple[str, tuple[str, ...], str], ...] = (
    (
        "update: simultaneous",
        ("replay", "past_players"),
        "it shows D other samples than those that G learns from; use update: alternating",
    ),
    (
        "update: simultaneous",
        ("autoencoder",),
        "E learns with G, after D; use update: alternating",
    ),
    (
        "fresh_noise: false",
        ("update: simultaneous",),
        "that update takes one z for both players anyway; leave it out, or use update: alternating",
    ),
    (
        "fresh_noise: false",
        ("past_players", "autoencoder"),
        "G would learn from samples of an older G, or E from the z of D; leave one of them out",
    ),
    (
        "autoencoder",
        ("past_players", "labels", "balance.train_generator_above"),
        "the hybrids' own steps do not know of it; leave one of them out",
    ),
    (
        CRITICS,
        ("labels", "balance"),
        "targets and thresholds are of a D whose output is a probability; leave one of them out",
    ),
    (
        CRITICS,
        ("autoencoder",),
        "a hybrid's D takes reconstructions for samples by the cross-entropy of a probability; leave one of them out",
    ),
    (
        "autoencoder: vae",
        (
            "loss",
            "feature_matching",
            "pixel_matching",
            "auxiliary_classifier",
            "replay",
            "balance",
            *SLOPES,
            "weight_clip",
            "consistency",
            "lecam",
            "top_k",
            "batches: joint",
            "augmentation of what D sees",
        ),
        "G learns from pixels alone and ignores D, so it would change no sample; leave it out",
    ),
    (
        "feature_matching.alone",
        ("loss: minimax", "loss: label_flip"),
        "the features take the place of G's loss; leave loss out, or set alone: false",
    ),
    (
        "balance.train_generator_above",
        ("loss: minimax",),
        "E[log(1 - D)] is never above 0, so G would never learn; leave one of them out",
    ),
    (
        "pretraining",
        ("conditional", "autoencoder"),
        "the game of the last layers knows neither classes nor E; leave one of them out",
    ),
    (
        "augmentation.ada",
        (UNSIGNED,),
        "it counts how often D's output for data is above 0, which says nothing of overfitting there; give p itself, "
        "or use another loss",
    ),
    (
        "consistency",
        ("batches: joint",),
        "the moved images are judged without samples beside them, so D would say something else of their batch; use "
        "batches: separate, or leave consistency out",
    ),
    (
        "compile",
        ("several devices",),
        "compiled nets are for one device; use devices: 1 or compile: false",
    ),
    (
        "compile",
        SLOPES,
        "a penalty on D's slope differentiates D twice, which compiled nets cannot do; use compile: false",
    ),
    (
        "gradient_penalty",
        ("weight_clip",),
        "either limits D's slope, and clipped weights cannot reach the slope of 1; leave one of them out",
    ),
    (
        "gradient_penalty",
        (
            "conditional.discriminator",
            "discriminator.norm: batch",
            "discriminator.minibatch_discrimination",
        ),
        "it asks for D's slope at points between images, one by one, and such a point has no class and no other points "
        "beside it; use r1, or leave one of them out",
    ),
    (
        "top_k",
        ("autoencoder", "feature_matching.alone"),
        "G learns from more than D's outputs for its samples; leave one of them out",
    ),
    (
        "several devices",
        (
            "labels",
            "replay",
            "past_players",
            "balance",
            "lecam",
            "top_k",
            "feature_matching",
            "pixel_matching",
            "discriminator.minibatch_discrimination",
        ),
        "it needs the whole minibatch, and each device has a part of it; use devices: 1",
    ),
)


def refuse_what_excludes_each_other(train: Train) -> None:
    """ValueError that names both settings of the first pair that is asked for."""
    for first, others, why in TABLE:
        for other in others:
            if is_asked_for(train, first) and is_asked_for(train, other):
                raise ValueError(f"{other} does not go with {first}: {why}")


def is_asked_for(train: Train, name: str) -> bool:
    """Whether `train` uses the setting: `name` is a key of ASKED_FOR or a dotted key that is set."""
    return bool(ASKED_FOR.get(name, attrgetter(name))(train))
