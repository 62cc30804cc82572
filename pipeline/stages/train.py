"""train R: play the game of the 2014 paper; keep the players, the log and the verdict."""

import hashlib
import math
import shutil
import sys
import time
from dataclasses import asdict, dataclass
from pathlib import Path

import torch
from torch import Tensor

from pipeline.config.train import Train
from pipeline.errors import TrainingError
from pipeline.evaluation import figures
from pipeline.files import atomic, write_bytes, write_json
from pipeline.gan import devices, monitor, parallel
from pipeline.gan.noise import Latent
from pipeline.gan.parallel import World
from pipeline.gan.streams import generator
from pipeline.gan.training import Training
from pipeline.tensors import read_tensors, write_model
from pipeline.watch import Live, Progress

COLUMNS = [
    "step",
    "images",
    "d_loss",
    "g_loss",
    "d_real",
    "d_fake",
    "g_gradient_norm",
    "d_gradient_norm",
    "images_per_second",
]
GRID_IMAGES = 10
CHECKPOINT_SECONDS = 60


@dataclass(frozen=True, kw_only=True)
class Paths:
    data: Path  # data/normalized/D.safetensors
    model: Path
    log: Path  # training.tsv
    verdict: Path
    progress: Path  # one picture: the same noise from the first step to the last
    live: Path  # a folder to watch while it runs: dvclive's files, a grid every `grid_steps`
    checkpoints: Path


def run(name: str, settings: Train, seed: int, threads: int, paths: Paths) -> None:
    """Train from the last checkpoint of exactly these settings, code and data, or from the start.

    With several devices, each rank of the run calls it; `threads` are those of all.
    """
    devices.reproducible(threads // settings.devices, settings.precision, settings.compile)
    device = devices.choose(
        settings.device, settings.precision, settings.devices, parallel.local_rank()
    )
    if settings.compile:
        devices.check_compiler(device)
    with parallel.world(settings.devices, device.type) as world:
        train(name, settings, seed, threads, paths, device, world)


def train(
    name: str,
    settings: Train,
    seed: int,
    threads: int,
    paths: Paths,
    device: torch.device,
    world: World,
) -> None:
    parts = read_tensors(paths.data, ["train_images", "train_labels"])
    images, labels = parts["train_images"], known(parts["train_labels"])
    training = Training(settings, seed, images, device, labels, world)
    checkpoint = (
        paths.checkpoints / identity(settings, seed, threads, device, images) / "checkpoint.pt"
    )
    rows, grids, seconds = restore(checkpoint, training)
    if world.writes and training.batches.images.device.type != device.type:
        print(
            f"train {name}: the images stay in the computer's memory, {device} gets them batch by batch",
            file=sys.stderr,
        )

    with (
        Live(paths.live, resume=training.step > 0, on=world.writes) as live,
        Progress(
            name,
            settings.steps,
            training.step,
            settings.batch_size * settings.discriminator_steps,
            on=world.writes,
        ) as progress,
    ):
        play(
            training,
            seed,
            rows,
            grids,
            live,
            progress,
            lambda: save(checkpoint, training, rows, grids),
        )
    seconds += progress.seconds()
    if not world.writes:
        return

    verdict = monitor.judge(rows)
    print(
        f"train {name}: {verdict.verdict}: {verdict.reason}. {verdict.hint}".rstrip(),
        file=sys.stderr,
    )
    about = {
        "train": settings.model_dump(mode="json"),
        "seed": seed,
        "steps": training.step,
        "image_shape": list(images.shape[1:]),
        "classes": training.classes,
        "code": code_version(),
    }
    write_model(paths.model, training.weights() | training.snapshots, about)
    write_rows(paths.log, rows)
    write_bytes(paths.progress, figures.grid(torch.cat(grids).numpy(), GRID_IMAGES))
    outcome = {**asdict(verdict), "steps": training.step, "seconds": round(seconds, 1)}
    write_json(paths.verdict, outcome)
    shutil.rmtree(checkpoint.parent, ignore_errors=True)


def play(training, seed, rows, grids, live, progress, save_checkpoint) -> None:
    """The training loop: advance, and now and then log, look and save."""
    settings = training.settings
    fixed = training.draw(GRID_IMAGES, generator(seed, "grid", training.device))
    if not grids:
        grids.append(look(training, fixed))
        training.remember()
        live.picture(training.step, grids[-1].numpy())
    saved_at = time.monotonic()

    while training.step < settings.steps:
        seen = training.advance()

        if training.step % settings.log_steps == 0 or training.step == settings.steps:
            rows.append(measure(training, seen, progress.images_per_second()))
            live.numbers(rows[-1])
            progress.line(rows[-1])
        if training.step % settings.grid_steps == 0 or training.step == settings.steps:
            grids.append(look(training, fixed))
            training.remember()
            live.picture(training.step, grids[-1].numpy())
        if training.world.writes and time.monotonic() - saved_at > CHECKPOINT_SECONDS:
            save_checkpoint()
            saved_at = time.monotonic()
        progress.advance()


def measure(
    training: Training, seen: dict[str, Tensor], images_per_second: float
) -> dict[str, float]:
    """One row of training.tsv; d_real and d_fake are mean probabilities D(x) and D(G(z)).

    Means are over the minibatches of all ranks; every rank gets the same row, but for the speed.
    """
    settings = training.settings
    training.check_ranks_agree()
    means = training.world.average(
        torch.stack(
            [
                seen["d_loss"],
                seen["g_loss"],
                seen["d_real"].sigmoid().mean(),
                seen["d_fake"].sigmoid().mean(),
            ]
        )
    ).tolist()
    row = {
        "step": training.step,
        "images": training.step * settings.batch_size * settings.discriminator_steps,
        **dict(zip(("d_loss", "g_loss", "d_real", "d_fake"), means, strict=True)),
        "g_gradient_norm": training.G.gradient_norm().item(),
        "d_gradient_norm": training.D.gradient_norm().item(),
        "images_per_second": round(images_per_second, 1),
    }
    if not all(math.isfinite(number) for number in row.values()):
        raise TrainingError(
            f"training diverged at step {training.step:,}: "
            f"d_loss {row['d_loss']:.3g}, g_loss {row['g_loss']:.3g}. "
            "Lower the learning rates, or add train.instance_noise; nothing was written."
        )
    return row


@torch.no_grad()
def look(training: Training, fixed: Latent) -> Tensor:
    """What the net that will be sampled makes of the same noise: [GRID_IMAGES, C, H, W] in [-1, 1]."""
    images = training.sampler()(*fixed).cpu()
    return images if training.settings.pixels == "symmetric" else images * 2 - 1


def known(labels_N: Tensor) -> Tensor | None:
    """The labels, or None where not every image has one (-1)."""
    return None if (labels_N < 0).any() else labels_N.long()


def code_version() -> str:
    """Digest of the code that decides what training gives; changes exactly when DVC would train again."""
    package = Path(__file__).parents[1]
    digest = hashlib.sha256()
    for source in sorted(
        [*package.rglob("gan/**/*.py"), *package.glob("config/train/*.py"), Path(__file__)]
    ):
        digest.update(source.read_bytes())
    return digest.hexdigest()[:16]


def identity(settings: Train, seed: int, threads: int, device: torch.device, images: Tensor) -> str:
    """Name of the checkpoint that belongs to exactly these settings, code, data and kind of machine."""
    facts = (
        settings.model_dump_json(),
        seed,
        threads,
        device.type,
        torch.__version__,
        code_version(),
    )
    digest = hashlib.sha256(repr(facts).encode())
    digest.update(images.numpy().data)
    return digest.hexdigest()[:16]


def save(checkpoint: Path, training: Training, rows: list, grids: list[Tensor]) -> None:
    with atomic(checkpoint) as file:
        torch.save({"training": training.state_dict(), "rows": rows, "grids": grids}, file)


def restore(checkpoint: Path, training: Training) -> tuple[list, list, float]:
    """Rows, grids and seconds so far; the training goes on where it was, if it ever was."""
    if not checkpoint.is_file():
        return [], [], 0.0
    state = torch.load(checkpoint, map_location="cpu", weights_only=True)
    training.load_state_dict(state["training"])
    if training.world.writes:
        print(f"resuming at step {training.step:,} of {training.settings.steps:,}", file=sys.stderr)
    images = state["rows"][-1]["images"] if state["rows"] else 0
    rate = state["rows"][-1]["images_per_second"] if state["rows"] else 0
    return state["rows"], state["grids"], images / rate if rate else 0.0


def write_rows(path: Path, rows: list[dict[str, float]]) -> None:
    lines = ["\t".join(COLUMNS)]
    lines += ["\t".join(f"{row[column]:.6g}" for column in COLUMNS) for row in rows]
    write_bytes(path, ("\n".join(lines) + "\n").encode())
