"""figures R: the paper's figures and the curves of a run, each drawn from the files of the run."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from matplotlib.figure import Figure
from torch import Tensor

from pipeline import models
from pipeline.compute import devices
from pipeline.config.datasets import Dataset, MixturePoints, Source
from pipeline.config.sample import Sample
from pipeline.evaluation import families, neighbours
from pipeline.evaluation.plots import charts, figure, images, points
from pipeline.evaluation.plots.grids import is_picture
from pipeline.evaluation.published import adversarial_nets
from pipeline.evaluation.rounding import significant
from pipeline.io.arrays import read_shards
from pipeline.io.files import existing, read_json, reading, write_bytes
from pipeline.io.tensors import read_about, read_tensors

THREADS = 1  # fixed: G's sums depend on it
ROWS, COLUMNS = 4, 5  # of Figure 2
SHEET_ROWS, SHEET_COLUMNS = 8, 8
POINTS = 10_000


@dataclass(frozen=True, kw_only=True)
class Paths:
    """Files of the run and of its dataset."""

    folder: Path  # results/R
    data: Path  # data/normalized/D.safetensors


FORMATS = {"png": figure.png, "pdf": figure.pdf}


def run(
    name: str,
    dataset: Dataset,
    settings: Sample,
    paths: Paths,
    formats: tuple[str, ...] = ("png",),
) -> list[Path]:
    """Draw all figures of run `name` into its folder, in each of `formats`, keys of FORMATS; the files."""
    devices.reproducible(THREADS)
    written = []
    for picture, drawn in figures(name, dataset, settings, paths).items():
        for suffix in formats:
            written.append(paths.folder / f"{picture}.{suffix}")
            write_bytes(written[-1], FORMATS[suffix](drawn))
    return written


def figures(name: str, dataset: Dataset, settings: Sample, paths: Paths) -> dict[str, Figure]:
    """The figures of run `name` by the names of their files."""
    folder, source = paths.folder, dataset.source
    parts = read_tensors(paths.data, ["train_images", "test_images"])
    samples = torch.from_numpy(read_shards(folder / "samples.npy")[:POINTS])
    numbers = {
        key: read_json(folder / f"{key}.json") for key in ("parzen", "metrics", "verdict", "theory")
    }
    verdict = numbers["verdict"]
    steps = f"{name}, {verdict['steps']:,} steps"
    model = folder / "model.safetensors"
    about = read_about(model)
    saved = models.saved(about, read_tensors(model), str(model))
    family = families.of(about["model"])
    rows = read_rows(folder / "training.tsv")
    return {
        "curves": family.curves(saved, rows, verdict, steps),
        "sigma": charts.sigma(
            numbers["parzen"],
            adversarial_nets(dataset.published_as),
            isinstance(source, MixturePoints),
            f"{steps}: Parzen window of {numbers['parzen']['n_samples']:,} samples",
        ),
        "theory": family.theory_figure(numbers["theory"], steps),
        "neighbours": nearest(samples, parts, source, steps),
        "interpolation": family.interpolation(
            saved, settings.weights, settings.interpolation, parts["test_images"], steps
        ),
        "sheet": sheet(
            samples, parts["test_images"], numbers["metrics"], f"{steps}\n{made_with(about)}"
        ),
    }


def made_with(about: dict) -> str:
    """What decides a model's bytes beside its params and data; from the model's metadata."""
    return (
        f"torch {about['torch']}, {about['device']}, threads: {about['threads']}, "
        f"{about['precision']}, code {about['code']}"
    )


def read_rows(path: Path) -> dict[str, np.ndarray]:
    """Columns of training.tsv by name."""
    with reading(existing(path), "table"):
        table = np.genfromtxt(path, names=True, delimiter="\t")
    return {name: np.atleast_1d(table[name]) for name in table.dtype.names or ()}


def nearest(samples: Tensor, parts: dict[str, Tensor], source: Source, steps: str) -> Figure:
    """Figure 2 for images; for points the components of the mixture that are nearest."""
    if isinstance(source, MixturePoints):
        return points.components(
            parts["test_images"].flatten(1).numpy(),
            samples.flatten(1).numpy(),
            np.array(source.means),
            source.std,
            f"{steps}: the component nearest to each point",
        )
    shown, closest = figure_2(samples, parts["train_images"])
    return images.neighbours(
        shown.numpy(),
        closest.numpy(),
        f"{steps}: samples, not selected; framed: the training image nearest to the sample left of it",
    )


def figure_2(samples: Tensor, train: Tensor) -> tuple[Tensor, Tensor]:
    """The first samples, in up to ROWS full rows of COLUMNS, and for the last one of each row the training image at the
    smallest Euclidean distance: [N, C, H, W], [R, C, H, W]."""
    shown = samples[: min(ROWS, len(samples) // COLUMNS) * COLUMNS]
    last = shown[COLUMNS - 1 :: COLUMNS].flatten(1)
    closest = neighbours.euclidean(last, train.flatten(1)).argmin(dim=1)
    return shown, train[closest]


def sheet(samples: Tensor, test: Tensor, numbers: dict, steps: str) -> Figure:
    """Real and generated images side by side, titled with FID, precision and recall."""
    title = (
        f"{steps}\nFID {significant(numbers['fid'])} (real data {significant(numbers['real_data']['fid'])})"
        f", precision {numbers['precision']:.3f}, recall {numbers['recall']:.3f}"
    )
    if not is_picture(samples.numpy()):
        return points.sheet(test.flatten(1).numpy(), samples.flatten(1).numpy(), title)
    count = min(SHEET_ROWS * SHEET_COLUMNS, len(samples), len(test))
    return images.sheet(test[:count].numpy(), samples[:count].numpy(), SHEET_COLUMNS, title)
