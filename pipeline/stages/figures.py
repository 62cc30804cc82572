"""figures R: the paper's figures and the curves of a run, each drawn from the files of the run."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from pipeline import models
from pipeline.compute import devices
from pipeline.compute.streams import generator
from pipeline.config.sample import Sample
from pipeline.evaluation import neighbours
from pipeline.evaluation.plots import charts
from pipeline.evaluation.plots import theory as theory_plots
from pipeline.evaluation.plots.grids import is_picture
from pipeline.evaluation.published import adversarial_nets
from pipeline.io.arrays import read_shards
from pipeline.io.files import existing, read_json, write_bytes
from pipeline.io.tensors import read_about, read_tensors
from pipeline.models.gan import interpolation as interpolations
from pipeline.models.gan.game.equilibrium import equilibrium
from pipeline.models.gan.sampling import SymmetricGenerator
from pipeline.models.gan.saved import Saved

THREADS = 1  # fixed: G's sums depend on it
ROWS, COLUMNS = 4, 5  # of Figure 2
STRIPS, STEPS = 4, 10  # of Figure 3
PATH_STEPS = 200  # of Figure 3 for points
SHEET_ROWS, SHEET_COLUMNS = 8, 8
POINTS = 10_000


@dataclass(frozen=True, kw_only=True)
class Paths:
    """Files of the run and of its dataset."""

    folder: Path  # results/R
    data: Path  # data/normalized/D.safetensors


def run(name: str, source: str, settings: Sample, paths: Paths) -> None:
    """Draw all figures of run `name` into its folder; `source`: name of the dataset's source (mnist, ...)."""
    devices.reproducible(THREADS)
    folder = paths.folder
    parts = read_tensors(paths.data, ["train_images", "test_images"])
    samples = torch.from_numpy(read_shards(folder / "samples.npy")[:POINTS])
    numbers = {
        key: read_json(folder / f"{key}.json") for key in ("parzen", "metrics", "verdict", "theory")
    }
    steps = f"{name}, {numbers['verdict']['steps']:,} steps"
    rows = read_rows(folder / "training.tsv")
    model = folder / "model.safetensors"
    about = read_about(model)
    saved = models.saved(about, read_tensors(model), str(model))
    goal = equilibrium(saved.train)
    pictures = {
        "curves": charts.training(
            rows,
            numbers["verdict"]["verdict"],
            numbers["verdict"]["reason"],
            goal.d_real,
            goal.d_loss,
            steps,
        ),
        "sigma": charts.sigma(
            numbers["parzen"],
            adversarial_nets(source),
            f"{steps}: Parzen window of {numbers['parzen']['n_samples']:,} samples",
        ),
        "theory": theory(numbers["theory"], steps),
        "neighbours": nearest(samples, parts, numbers["metrics"], steps),
        "interpolation": interpolation(saved, settings, steps),
        "sheet": sheet(
            samples, parts["test_images"], numbers["metrics"], f"{steps}\n{made_with(about)}"
        ),
    }
    for picture, content in pictures.items():
        write_bytes(folder / f"{picture}.png", content)


def made_with(about: dict) -> str:
    """What decides a model's bytes beside its params and data; from the model's metadata."""
    return (
        f"torch {about['torch']}, {about['device']}, threads: {about['threads']}, "
        f"{about['precision']}, code {about['code']}"
    )


def read_rows(path: Path) -> dict[str, np.ndarray]:
    """Columns of training.tsv by name."""
    table = np.genfromtxt(existing(path), names=True, delimiter="\t")
    return {name: np.atleast_1d(table[name]) for name in table.dtype.names or ()}


def theory(content: dict, steps: str) -> bytes:
    """Figure 1 for points; for images histograms of D. `steps` starts the title."""
    if content["kind"] == "quadrature":
        final = content["final"]
        return theory_plots.figure_1(
            content,
            f"{steps}: C(G) {final['c']:.4f} (−log 4 is {content['minus_log_4']:.4f}), "
            f"JSD {final['jsd']:.4f} nats, |D − 1/2| {final['d_to_half']:.3f} at the end",
        )
    return theory_plots.bound(
        content,
        f"{steps}: V(D, G) {content['value']:.3f} on test images (−log 4 is "
        f"{content['minus_log_4']:.3f}),\nso the JSD of {content['of']} is at least "
        f"{content['jsd_at_least']:.3f} nats",
    )


def nearest(samples: Tensor, parts: dict[str, Tensor], numbers: dict, steps: str) -> bytes:
    """Figure 2 for images; for points a histogram of the distances."""
    title = (
        f"{steps}: distance to the nearest training image\n{numbers['nearest_training_image']:.3g}, "
        f"of test images {numbers['real_data']['nearest_training_image']:.3g}"
    )
    train = parts["train_images"]
    if not is_picture(samples.numpy()):
        generated, held_out = (
            neighbours.nearest(x[:2_000].flatten(1), train.flatten(1)).numpy()
            for x in (samples, parts["test_images"])
        )
        return charts.point_neighbours(generated, held_out, title.replace("image", "point"))
    shown, closest = figure_2(samples, train)
    return charts.neighbours(
        shown.numpy(),
        closest.numpy(),
        f"{steps}: samples, not selected; framed: the training image\nnearest to the sample left of it",
    )


def figure_2(samples: Tensor, train: Tensor) -> tuple[Tensor, Tensor]:
    """The first ROWS * COLUMNS samples, and for the last one of each row the training image at the
    smallest Euclidean distance: [N, C, H, W], [R, C, H, W]."""
    shown = samples[: ROWS * COLUMNS]
    last = shown[COLUMNS - 1 :: COLUMNS].flatten(1)
    closest = neighbours.euclidean(last, train.flatten(1)).argmin(dim=1)
    return shown, train[closest]


def interpolation(saved: Saved, settings: Sample, steps: str) -> bytes:
    """Figure 3: G between pairs of noise."""
    is_picture = saved.image_shape[-2:] != (1, 1)
    kind = interpolations.path_of(saved.train.noise.prior, settings.interpolation)
    G = saved.generator(settings.weights)
    images = figure_3(G, kind, STEPS if is_picture else PATH_STEPS)
    names = [f"{chr(ord('a') + row)}" for row in range(STRIPS)]
    title = f"{steps}: G along {kind.replace('_', ' ')}s between random points of the noise"
    if is_picture:
        return charts.strips(images.numpy(), names, title)
    return charts.point_paths(images.flatten(2).numpy(), names, title)


@torch.no_grad()
def figure_3(G: SymmetricGenerator, kind: str, count: int) -> Tensor:
    """[STRIPS, count, C, H, W] in [-1, 1]: G at `count` points of each path, from one random z to another;
    a conditional G draws one class along each."""
    ends = G.latent(2 * STRIPS, generator(0, "figure 3"))
    along = torch.linspace(0, 1, count)
    strips = []
    for strip, (a, b) in enumerate(ends.z.split(2)):
        labels = None if ends.labels is None else torch.full((count,), strip % G.classes)
        strips.append(G(interpolations.PATHS[kind](a, b, along), labels))
    return torch.stack(strips)


def sheet(samples: Tensor, test: Tensor, numbers: dict, steps: str) -> bytes:
    """Real and generated images side by side, titled with FID, precision and recall."""
    title = (
        f"{steps}\nFID {numbers['fid']:.3g} (real data {numbers['real_data']['fid']:.3g})"
        f", precision {numbers['precision']:.2f}, recall {numbers['recall']:.2f}"
    )
    if not is_picture(samples.numpy()):
        return charts.point_sheet(test.flatten(1).numpy(), samples.flatten(1).numpy(), title)
    count = min(SHEET_ROWS * SHEET_COLUMNS, len(samples), len(test))
    return charts.sheet(test[:count].numpy(), samples[:count].numpy(), SHEET_COLUMNS, title)
