"""figures R: the paper's figures and the curves of a run, each drawn from the files of the run."""

import math
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from pipeline.compute.streams import generator
from pipeline.config.models.gan.train import Train
from pipeline.evaluation import neighbours
from pipeline.evaluation.plots import charts
from pipeline.evaluation.plots import theory as theory_plots
from pipeline.evaluation.plots.grids import is_picture
from pipeline.evaluation.published import adversarial_nets
from pipeline.io.arrays import read_shards
from pipeline.io.files import existing, read_json, write_bytes
from pipeline.io.tensors import read_about, read_tensors
from pipeline.models.gan import noise
from pipeline.models.gan.game.equilibrium import equilibrium
from pipeline.stages.sample import load_generator

ROWS, COLUMNS = 4, 5  # of Figure 2
STRIPS, STEPS = 4, 10  # of Figure 3
PATH_STEPS = 200  # of the same for points
SHEET_ROWS, SHEET_COLUMNS = 8, 8
POINTS = 10_000


@dataclass(frozen=True, kw_only=True)
class Paths:
    folder: Path  # results/R
    data: Path  # data/normalized/D.safetensors


def run(name: str, source: str, weights: str, paths: Paths) -> None:
    """`source`: what the dataset is made from (mnist, ...); `weights`: which of G's are sampled."""
    folder = paths.folder
    parts = read_tensors(paths.data, ["train_images", "test_images"])
    samples = torch.from_numpy(read_shards(folder / "samples.npy")[:POINTS])
    numbers = {
        key: read_json(folder / f"{key}.json") for key in ("parzen", "metrics", "verdict", "theory")
    }
    steps = f"{name}, {numbers['verdict']['steps']:,} steps"
    rows = read_rows(folder / "training.tsv")
    settings = Train.model_validate(read_about(folder / "model.safetensors")["train"])
    goal = equilibrium(settings)
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
        "interpolation": interpolation(folder / "model.safetensors", weights, steps),
        "sheet": sheet(samples, parts["test_images"], numbers["metrics"], steps),
    }
    for picture, content in pictures.items():
        write_bytes(folder / f"{picture}.png", content)


def read_rows(path: Path) -> dict[str, np.ndarray]:
    """Columns of training.tsv by name."""
    lines = existing(path).read_text(encoding="utf-8").splitlines()
    columns = np.array([[float(cell) for cell in line.split("\t")] for line in lines[1:]]).T
    return dict(zip(lines[0].split("\t"), columns, strict=True))


def theory(content: dict, steps: str) -> bytes:
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
        f"{content['minus_log_4']:.3f}),\nso JSD is at least {content['jsd_at_least']:.3f} nats",
    )


def nearest(samples: Tensor, parts: dict[str, Tensor], numbers: dict, steps: str) -> bytes:
    """Figure 2 for images; for points the distances themselves."""
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
    shown = samples[: ROWS * COLUMNS]
    last = shown[COLUMNS - 1 :: COLUMNS].flatten(1)
    closest = neighbours.euclidean(last, train.flatten(1)).argmin(dim=1)
    return charts.neighbours(
        shown.numpy(),
        train[closest].numpy(),
        f"{steps}: samples, not selected; framed: the training image\nnearest to the sample left of it",
    )


@torch.no_grad()
def interpolation(model: Path, weights: str, steps: str) -> bytes:
    """Figure 3: G between pairs of noise, along the line that stays typical of the prior."""
    G, train, shape, classes = load_generator(model, weights)
    ends = noise.draw(train, 2 * STRIPS, generator(0, "figure 3"), classes).z
    is_picture = shape[-2:] != (1, 1)
    along = torch.linspace(0, 1, STEPS if is_picture else PATH_STEPS)
    path, kind = (
        (straight, "straight lines") if train.noise.prior == "uniform" else (slerp, "great circles")
    )
    labels = [
        None if train.conditional is None else torch.full((len(along),), strip % classes)
        for strip in range(STRIPS)
    ]
    images = torch.stack(
        [G(path(a, b, along), label) for (a, b), label in zip(ends.split(2), labels, strict=True)]
    )  # RS, C, H, W
    if train.pixels == "unit":
        images = images * 2 - 1
    names = [f"{chr(ord('a') + row)}" for row in range(STRIPS)]
    title = f"{steps}: G along {kind} between random points of the noise"
    if is_picture:
        return charts.strips(images.numpy(), names, title)
    return charts.point_paths(images.flatten(2).numpy(), names, title)


def straight(a_Z: Tensor, b_Z: Tensor, along_S: Tensor) -> Tensor:
    """[S, Z] from a to b: the paper's lines, which stay in a uniform prior's box."""
    return torch.lerp(a_Z, b_Z, along_S[:, None])


def slerp(a_Z: Tensor, b_Z: Tensor, along_S: Tensor) -> Tensor:
    """[S, Z] from a to b on the great circle (White 2016): straight lines leave a Gaussian's shell."""
    cosine = torch.nn.functional.cosine_similarity(a_Z, b_Z, dim=0).clamp(-1, 1)
    omega = torch.acos(cosine)
    if omega < 1e-4 or math.pi - omega < 1e-4:
        return straight(a_Z, b_Z, along_S)
    way_S1 = along_S[:, None]
    return (torch.sin((1 - way_S1) * omega) * a_Z + torch.sin(way_S1 * omega) * b_Z) / torch.sin(
        omega
    )


def sheet(samples: Tensor, test: Tensor, numbers: dict, steps: str) -> bytes:
    title = (
        f"{steps}: FID {numbers['fid']:.3g} (real data {numbers['real_data']['fid']:.3g})"
        f"\nprecision {numbers['precision']:.2f}, recall {numbers['recall']:.2f}"
    )
    if not is_picture(samples.numpy()):
        return charts.point_sheet(test.flatten(1).numpy(), samples.flatten(1).numpy(), title)
    count = min(SHEET_ROWS * SHEET_COLUMNS, len(samples), len(test))
    return charts.sheet(test[:count].numpy(), samples[:count].numpy(), SHEET_COLUMNS, title)
