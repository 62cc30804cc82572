"""Samples of all runs of a dataset in one picture, a row for each, below a row of test images."""

import sys
from pathlib import Path

import numpy as np

from pipeline import paths
from pipeline.config.params import Params, load
from pipeline.errors import ConfigError, DataError
from pipeline.io.files import write_bytes
from pipeline.report.settings import seed_groups

PICTURE = "gallery_{}.png"  # in results/, by the dataset


def write(dataset: str | None, columns: int, out: Path | None) -> Path:
    """The picture of `dataset`, which may be left out where there is one; the same bytes from the same samples.

    Of runs that differ in their seed the first is shown. Runs without samples are named on stderr; DataError if
    no run has any.
    """
    from pipeline.evaluation.plots import grids

    params = load(paths.PARAMS)
    name = the_dataset(dataset, params)
    rows = {"test images": test_images(name, columns)}
    for group in seed_groups(params.every_run):
        if params.every_run[group[0]].dataset == name:
            rows |= samples(group[0], columns)
    if len(rows) == 1:
        raise DataError(f"no run on {name} has samples yet. Next: snakemake --cores all")
    if not grids.is_picture(rows["test images"]):
        raise ConfigError(f"gallery: {name} holds points, no images; see results/RUN/sheet.png")
    out = out or paths.RESULTS / PICTURE.format(name)
    write_bytes(out, grids.rows(list(rows.values()), list(rows), columns))
    return out


def the_dataset(asked_for: str | None, params: Params) -> str:
    """ConfigError if it is none of params.yaml's, or left out where there are several."""
    known = ", ".join(params.datasets)
    if asked_for is None and len(params.datasets) > 1:
        raise ConfigError(f"gallery: name one of the datasets with --dataset: {known}")
    name = asked_for or next(iter(params.datasets))
    if name not in params.datasets:
        raise ConfigError(f"{paths.PARAMS} has no datasets.{name}; it has: {known}")
    return name


def test_images(dataset: str, count: int) -> np.ndarray:
    from pipeline.io.tensors import read_tensors

    found = read_tensors(paths.Dataset(dataset).normalized, ["test_images"])["test_images"]
    return found[:count].numpy()


def samples(run: str, count: int) -> dict[str, np.ndarray]:
    """The first samples of `run` by its name; {} if there are none."""
    from pipeline.io.arrays import read_shards

    file = paths.Run(run).samples
    if not file.is_file():
        print(f"gallery: {run} has no samples yet; left out", file=sys.stderr)
        return {}
    return {run: np.asarray(read_shards(file)[:count])}
