"""train R: play the game of the 2014 paper; keep the players, the log and the verdict."""

import hashlib
import shutil
import sys
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path

import torch
from torch import Tensor

from pipeline.compute import devices, parallel
from pipeline.compute.parallel import World
from pipeline.compute.streams import generator
from pipeline.config.models.gan.train import Train
from pipeline.evaluation.plots import grids as pictures
from pipeline.io.files import atomic, write_bytes, write_json
from pipeline.io.live import Live, Progress
from pipeline.io.tensors import read_tensors, write_model
from pipeline.models.gan import monitor, pixels, pretraining
from pipeline.models.gan.noise import Latent
from pipeline.models.gan.training import Training

COLUMNS = [
    "step",
    "images",
    "d_loss",
    "g_loss",
    "d_real",
    "d_fake",
    "g_gradient_norm",
    "d_gradient_norm",
    "diversity",
    "images_per_second",
]
OF_HYBRIDS = ["reconstruction", "kl"]  # nats per image; further columns
GRID_IMAGES = 10
LIVE_COLUMNS = 5
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


@dataclass(frozen=True)
class Game:
    """A training that has ended, or was stopped, and what is kept of it beside its weights."""

    training: Training
    rows: list[dict[str, float]]  # of training.tsv
    grids: list[Tensor]
    verdict: monitor.Verdict
    seconds: float
    checkpoint: Path
    save: Callable[[], None]  # the checkpoint

    @property
    def was_stopped(self) -> bool:
        return self.training.step < self.training.settings.steps


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

    def finish(settings: Train, seed: int, what: str = "", last_layers: dict | None = None) -> Game:
        """`what` is not the run itself but comes before it."""
        training = Training(settings, seed, images, device, labels, world, last_layers)
        kind = (device.type, training.precision)
        checkpoint = paths.checkpoints / identity(settings, seed, threads, kind, images)
        return go_on(
            f"{name} {what}".rstrip(), training, checkpoint / "checkpoint.pt", paths.live / what
        )

    if settings.pretraining is None:
        games = [finish(settings, seed)]
    else:
        first_seed = pretraining.first_seed(seed)
        first = finish(pretraining.first_game(settings), first_seed, "pretraining")
        games = [first]
        if not first.was_stopped:  # if it was, its own samples show why
            first.save()
            weights = first.training.sampler(raw=True).body.state_dict()
            last_layers = pretraining.behind(settings.pretraining.front, weights)
            games += [finish(settings, seed, last_layers=last_layers)]
    if world.writes:
        keep(games[-1], sum(game.seconds for game in games), seed, paths)
        for game in games:
            shutil.rmtree(game.checkpoint.parent, ignore_errors=True)


def go_on(name: str, training: Training, checkpoint: Path, folder: Path) -> Game:
    """Play `training` to its end, from its checkpoint if there is one. `folder`: to watch."""

    def say(words: str) -> None:
        if training.world.writes:
            print(f"train {name}: {words}", file=sys.stderr)

    device, on = training.device, training.world.writes
    if training.precision == "bf16" and not devices.multiplies_bf16(device):
        say(
            f"warning: this {device.type} has no units for bf16: expect it to be tens of times slower "
            "than float32. Set train.precision: auto"
        )
    if training.batches.images.device.type != device.type:
        say(f"the images stay in the computer's memory, {device} gets them batch by batch")
    watch = monitor.Monitor(training.settings, say)
    grids, seconds = restore(checkpoint, training, watch)

    def save_checkpoint() -> None:
        if on:
            save(checkpoint, training, watch, grids)

    with (
        Live(folder, resume=training.step > 0, on=on) as live,
        Progress(name, training.settings.steps, training.step, training.images, on=on) as progress,
    ):
        verdict = play(training, watch, grids, live, progress, save_checkpoint)
        seconds += progress.seconds()
    say(f"{verdict.verdict}: {verdict.reason}. {verdict.hint}".rstrip())
    return Game(training, watch.rows, grids, verdict, seconds, checkpoint, save_checkpoint)


def keep(game: Game, seconds: float, seed: int, paths: Paths) -> None:
    """Write what the stage makes; `seconds`: of all the games."""
    training = game.training
    about = {
        "train": training.settings.model_dump(mode="json"),
        "seed": seed,
        "steps": training.step,
        "image_shape": list(training.image_shape),
        "classes": training.classes,
        "precision": training.precision,
        "code": code_version(),
    }
    write_model(paths.model, training.weights() | training.snapshots, about)
    write_rows(paths.log, game.rows)
    write_bytes(paths.progress, pictures.grid(torch.cat(game.grids).numpy(), GRID_IMAGES))
    outcome = {**asdict(game.verdict), "steps": training.step, "seconds": round(seconds, 1)}
    write_json(paths.verdict, outcome)


def play(training, watch, grids, live, progress, save_checkpoint) -> monitor.Verdict:
    """The training loop: advance, and now and then log, judge, look and save."""
    settings = training.settings
    fixed = training.draw(GRID_IMAGES, generator(training.seed, "grid", training.device))
    if not grids:
        grids.append(look(training, fixed))
        training.remember()
        live.picture(training.step, pictures.grid(grids[-1].numpy(), LIVE_COLUMNS))
    watch.begin(training)
    saved_at = time.monotonic()

    while training.step < settings.steps:
        seen = training.advance()
        progress.to(training.step)

        if watch.due(training.step):
            row = measure(training, seen, progress.images_per_second())
            failed = watch.see(row, training)
            went_back = training.step < row["step"]
            if went_back:
                del grids[1 + training.step // settings.grid_steps :]
                progress.to(training.step)
            if failed:
                return failed
            if went_back:
                continue
            live.numbers(row)
            progress.line(row)
        pictured = training.step % settings.grid_steps == 0 or training.step == settings.steps
        if pictured or is_early(training.step):
            training.remember()
        if pictured:
            grids.append(look(training, fixed))
            live.picture(training.step, pictures.grid(grids[-1].numpy(), LIVE_COLUMNS))
        if time.monotonic() - saved_at > CHECKPOINT_SECONDS:
            save_checkpoint()
            saved_at = time.monotonic()
    return watch.verdict()


def is_early(step: int) -> bool:
    """1, 2, 3, 4, 6, 8, 12, 16, ...: 2**n and 3 * 2**n, twice in each doubling. G of points is near the
    data long before the first picture, and Figure 1 shows it on its way there."""
    odd = step // (step & -step)
    return odd in (1, 3)


def measure(
    training: Training, seen: dict[str, Tensor], images_per_second: float
) -> dict[str, float]:
    """One row of training.tsv. d_real and d_fake: mean probabilities D(x) and D(G(z)); diversity: mean
    distance between the samples of the step, in units of that between real images.

    Means are over the minibatches of all ranks; every rank gets the same row, but for the speed.
    """
    training.check_ranks_agree()
    names = ("d_loss", "g_loss", "d_real", "d_fake", "diversity")
    spread = torch.as_tensor(monitor.spread(seen["fake"]) / training.real_spread)
    own = [
        seen["d_loss"],
        seen["g_loss"],
        seen["d_real"].sigmoid().mean(),
        seen["d_fake"].sigmoid().mean(),
        spread.to(seen["d_loss"]),
    ]
    hybrid = [name for name in OF_HYBRIDS if name in seen]
    own += [seen[name] for name in hybrid]
    means = training.world.average(torch.stack(own)).tolist()
    return {
        "step": training.step,
        "images": training.images(training.step),
        **dict(zip([*names, *hybrid], means, strict=True)),
        "g_gradient_norm": training.G.gradient_norm().item(),
        "d_gradient_norm": training.D.gradient_norm().item(),
        "images_per_second": round(images_per_second, 1),
    }


@torch.no_grad()
def look(training: Training, fixed: Latent) -> Tensor:
    """What the net that will be sampled makes of the same noise: [GRID_IMAGES, C, H, W] in [-1, 1]."""
    return pixels.from_nets(training.sampler()(*fixed).cpu(), training.settings.pixels)


def known(labels_N: Tensor) -> Tensor | None:
    """The labels, or None where not every image has one (-1)."""
    return None if (labels_N < 0).any() else labels_N.long()


def code_version() -> str:
    """Digest of the code that decides what training gives; changes exactly when DVC would train again."""
    package = Path(__file__).parents[1]
    digest = hashlib.sha256()
    for source in sorted(
        [
            *package.glob("models/**/*.py"),
            *package.glob("compute/*.py"),
            *package.glob("config/models/**/*.py"),
            Path(__file__),
        ]
    ):
        digest.update(source.read_bytes())
    return digest.hexdigest()[:16]


def identity(settings: Train, seed: int, threads: int, kind: tuple, images: Tensor) -> str:
    """Name of the checkpoint that belongs to exactly these settings, code, data and kind of machine."""
    facts = (
        settings.model_dump_json(),
        seed,
        threads,
        *kind,
        torch.__version__,
        code_version(),
    )
    digest = hashlib.sha256(repr(facts).encode())
    digest.update(images.numpy().data)
    return digest.hexdigest()[:16]


def save(checkpoint: Path, training: Training, watch: monitor.Monitor, grids: list[Tensor]) -> None:
    state = {"training": training.state_dict(), "monitor": watch.state_dict(), "grids": grids}
    with atomic(checkpoint) as file:
        torch.save(state, file)


def restore(
    checkpoint: Path, training: Training, watch: monitor.Monitor
) -> tuple[list[Tensor], float]:
    """Grids and seconds so far; training and monitor go on where they were, if they ever were."""
    if not checkpoint.is_file():
        return [], 0.0
    state = torch.load(checkpoint, map_location="cpu", weights_only=True)
    training.load_state_dict(state["training"])
    watch.load_state_dict(state["monitor"])
    if training.world.writes:
        print(f"resuming at step {training.step:,} of {training.settings.steps:,}", file=sys.stderr)
    images = watch.rows[-1]["images"] if watch.rows else 0
    rate = watch.rows[-1]["images_per_second"] if watch.rows else 0
    return state["grids"], images / rate if rate else 0.0


def write_rows(path: Path, rows: list[dict[str, float]]) -> None:
    columns = COLUMNS + [name for name in OF_HYBRIDS if name in rows[0]]
    lines = ["\t".join(columns)]
    lines += ["\t".join(f"{row[column]:.6g}" for column in columns) for row in rows]
    write_bytes(path, ("\n".join(lines) + "\n").encode())
