"""Checks an entry of `continued:` against the run whose model it starts from, before anything is trained."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from pipeline.config.datasets import Dataset
from pipeline.config.explain import close_to, short
from pipeline.config.models.gan.train import Train

if TYPE_CHECKING:
    from pipeline.config.params import Continued, Run

# Below a net's settings: how its weights begin and move, which may be another from training to training.
OF_TRAINING = {
    *("init", "output_init", "output_bias", "output_bias_clip", "biases"),
    *("optimizer", "max_column_norm", "kl_weight", "pixel_std", "reconstruction_weight", "weight"),
    *("dropout", "dropout_input", "dropout_hidden", "noise_std"),
    *("dropout_when_sampling", "noise_when_sampling"),
}


def check_continued(
    name: str, runs: Mapping[str, "Run"], continued: Mapping[str, "Continued"]
) -> None:
    """ValueError that names the key of the entry `name`, what is wrong and what to write; `runs`: of both groups."""
    entry = continued[name]
    if entry.origin not in runs:
        raise ValueError(
            f"from is {entry.origin!r}, which is no run{close_to(entry.origin, runs)}; known runs: "
            f"{', '.join(each for each in runs if each != name)}"
        )
    check_end(name, continued)
    origin = runs[entry.origin]
    if entry.model != origin.model:
        raise ValueError(
            f"model is {entry.model}, but {entry.origin}, which it starts from, is of model: {origin.model}; "
            "write the same, or start from another run"
        )
    if not entry.train.nets:
        raise ValueError(
            f"model is {entry.model}, which counts or keeps images and has no weights to go on from; make it a run "
            "of runs:, without from"
        )
    if isinstance(entry.train, Train) and entry.train.pretraining:
        raise ValueError(
            f"train.pretraining is for weights that begin at random, and these begin as those of {entry.origin}; "
            "leave it out"
        )
    for key in entry.train.nets:
        own, others = value_at(entry.train, key), value_at(origin.train, key)
        if found := difference(own, others):
            where, mine, theirs = found
            raise ValueError(
                f"train.{key}{where} is {short(mine)}, but {entry.origin}, which it starts from, has "
                f"{short(theirs)}: its weights do not fit; write the same, or start from another run"
            )


def check_images(entry: "Continued", origin: "Run", datasets: Mapping[str, Dataset]) -> None:
    """ValueError unless both runs learn images of one shape."""
    own, others = (datasets[run.dataset].image_shape for run in (entry, origin))
    if own != others:
        raise ValueError(
            f"dataset is {entry.dataset}, whose images are {size(own)}, but {entry.origin}, which it starts from, "
            f"learned {size(others)}; take a dataset of that size, or start from another run"
        )


def check_end(name: str, continued: Mapping[str, "Continued"]) -> None:
    """ValueError if runs start from one another in a circle."""
    chain = [name]
    while (before := continued[chain[-1]].origin) in continued:
        chain.append(before)
        if before in chain[:-1]:
            circle = " from ".join(chain[chain.index(before) :])
            raise ValueError(
                f"from: {circle}: a circle, in which nothing can be trained first; start one of them from a run of "
                "runs:"
            )


def value_at(train: Any, key: str) -> Any:
    """A setting as plain values; `key`: with dots."""
    for part in key.split("."):
        train = getattr(train, part)
    return train.model_dump(mode="json") if hasattr(train, "model_dump") else train


def difference(own: Any, others: Any, where: str = "") -> tuple[str, Any, Any] | None:
    """The first key in which nets differ, and both values; None if weights of one fit the other."""
    if isinstance(own, dict) and isinstance(others, dict):
        for key in dict.fromkeys([*own, *others]):
            if key not in OF_TRAINING and (
                found := difference(own.get(key), others.get(key), f"{where}.{key}")
            ):
                return found
        return None
    return None if own == others else (where, own, others)


def size(shape: tuple[int, ...]) -> str:
    return " x ".join(map(str, shape))
