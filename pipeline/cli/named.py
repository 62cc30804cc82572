"""Datasets and runs of params.yaml by name, and how a group of commands adds its own."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Protocol

from pipeline import paths
from pipeline.errors import ConfigError

if TYPE_CHECKING:
    import argparse

    from pipeline.config.datasets import Dataset
    from pipeline.config.likelihood import Likelihood
    from pipeline.config.params import Run


class Add(Protocol):
    """Adds a command to the parser; returns the command's own parser."""

    def __call__(
        self, name: str, action: "Callable", purpose: str
    ) -> "argparse.ArgumentParser": ...


def dataset_named(name: str) -> "tuple[Dataset, paths.Dataset]":
    """Settings and files of a dataset; ConfigError if params.yaml is invalid or lacks it."""
    from pipeline.config.params import load

    return one(load(paths.PARAMS).datasets, "datasets", name), paths.Dataset(name)


def run_named(name: str) -> "tuple[Run, paths.Run]":
    """Settings and files of a run, continued or not; ConfigError if params.yaml is invalid or lacks it."""
    from pipeline.config.params import load

    return one(load(paths.PARAMS).every_run, "runs", name), paths.Run(name)


def likelihood_named(name: str) -> "tuple[Likelihood, paths.Likelihood]":
    """Settings and files of an entry; ConfigError if params.yaml is invalid or lacks it."""
    from pipeline.config.params import load

    return one(load(paths.PARAMS).likelihoods, "likelihoods", name), paths.Likelihood(name)


def one(section: dict, kind: str, name: str):
    """The entry `name` of a section of params.yaml; ConfigError lists the names that there are."""
    if name not in section:
        raise ConfigError(
            f"{paths.PARAMS} has no {kind}.{name}; it has: {', '.join(section) or 'none'}"
        )
    return section[name]
