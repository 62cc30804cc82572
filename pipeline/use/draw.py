"""draw: samples of a model, or the way between points of its latent space, as a file or a folder of pictures."""

import math
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from pipeline.errors import RequestError
from pipeline.evaluation.plots import grids
from pipeline.io.files import write_bytes
from pipeline.use import pictures
from pipeline.use.model import EACH, Model, at_least

# unless told otherwise: of samples, and of points that a path goes through
SAMPLES, POINTS = 100, 8
STEPS = 12  # unless told otherwise, of an animation: from one point to the next
MOST = {".png": 10_000, ".gif": 10_000}  # images in one file, which are enlarged for it


@dataclass(frozen=True, kw_only=True)
class Wishes:
    """What to draw; None leaves it to the model or to what is written."""

    count: int | None = None  # samples; with `steps` points that the path goes through
    seed: int = 0
    label: str | None = None
    truncation: float | None = None
    rejection: float | None = None
    steps: int | None = None  # images from one point to the next
    path: str | None = None


def draw(model: Model, wishes: Wishes, out: Path | None) -> str:
    """Write what is wished for; returns a sentence about it. RequestError if it cannot be.

    `out`: .png for one sheet, .npy, .gif for an animation, or a folder, which gets a picture for each image; None
    takes a sheet named after the run.
    """
    out = out or Path(f"{model.name}.png")
    if out.suffix not in (".png", ".npy", ".gif", ""):
        raise RequestError(
            f"--out {out}: expected .png (one sheet), .npy (the numbers), .gif (an animation of --interpolate), or a "
            "folder, whose name has no ending"
        )
    by_default = STEPS if out.suffix == ".gif" else None
    steps = by_default if wishes.steps is None else wishes.steps
    if steps is None:
        if wishes.path is not None:
            raise RequestError("--path is of --interpolate STEPS, which is not given")
        count = SAMPLES if wishes.count is None else wishes.count
        check_fits(count, out)
        images = model.sample(
            count,
            seed=wishes.seed,
            label=wishes.label,
            truncation=wishes.truncation,
            rejection=wishes.rejection,
        )
        what, columns = f"{len(images):,} samples", math.ceil(len(images) ** 0.5)
    else:
        if wishes.rejection is not None:
            raise RequestError("--rejection is of samples, not of --interpolate; leave one out")
        tour = around(model, wishes, steps, out)
        images = (tour[:, :-1] if out.suffix == ".gif" else tour).flatten(0, 1)
        what, columns = f"a way around {len(tour)} points", steps
    in_turn = bool(model.class_names) and wishes.label in (None, EACH)
    write(model, images, out, columns, by_class=steps is None and in_turn)
    return f"{what} of {model.file} ({model.weights} weights, seed {wishes.seed}): {out}"


def check_fits(count: int, out: Path) -> None:
    """RequestError for more images than a file of that kind takes."""
    most = MOST.get(out.suffix, count)
    if count > most:
        raise RequestError(
            f"--out {out}: {count:,} images, and one {out.suffix} takes {most:,} at most; draw fewer, or take .npy"
        )


def around(model: Model, wishes: Wishes, steps: int, out: Path) -> Tensor:
    """[points, steps, C, H, W]: a row from each of random points to the next, from the last to the first."""
    count = POINTS if wishes.count is None else wishes.count
    at_least("--count, with --interpolate,", count, 2)
    check_fits(count * steps, out)
    points = model.latent(count, seed=wishes.seed, truncation=wishes.truncation)
    ways = zip(points, points.roll(-1, dims=0), strict=True)
    rows = [model.interpolate(a, b, steps, path=wishes.path, label=wishes.label) for a, b in ways]
    return torch.stack(rows)


def write(model: Model, images_NCHW: Tensor, out: Path, columns: int, by_class: bool) -> None:
    """`columns`: of a sheet; `by_class`: the images are of all classes in turn."""
    match out.suffix:
        case ".npy":
            write_bytes(out, pictures.npy(images_NCHW))
        case ".gif":
            write_bytes(out, pictures.gif(images_NCHW))
        case ".png" if by_class and grids.is_picture(images_NCHW.numpy()):
            names = model.class_names
            columns = -(-len(images_NCHW) // len(names))
            write_bytes(out, grids.classes(images_NCHW.numpy(), names, columns))
        case ".png":
            write_bytes(out, grids.grid(images_NCHW.numpy(), columns))
        case _:
            singly(images_NCHW, out)


def singly(images_NCHW: Tensor, folder: Path) -> None:
    """A picture for each image, 0000.png and so on; RequestError if `folder` holds anything else."""
    width = max(4, len(str(len(images_NCHW) - 1)))
    drawn = {f"{i:0{width}}.png": one for i, one in enumerate(pictures.to_pil(images_NCHW))}
    others = {path.name for path in folder.iterdir()} - set(drawn) if folder.is_dir() else set()
    if others:
        raise RequestError(
            f"--out {folder}: it holds {min(others)}, which would be mixed with the pictures; give another folder"
        )
    for name, picture in drawn.items():
        write_bytes(folder / name, pictures.png(picture))
