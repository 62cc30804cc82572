"""train R: train a model of any family; write its weights, the log and the verdict."""

import hashlib
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from pipeline import models
from pipeline.compute import allocator, arithmetic, devices, parallel, precision
from pipeline.compute.parallel import World
from pipeline.evaluation.plots import grids as pictures
from pipeline.io import costs, header, machine
from pipeline.io.files import write_bytes, write_json
from pipeline.io.live import Live, Progress
from pipeline.io.tensors import read_about, read_tensors, write_model
from pipeline.models.common import checkpoints, loop
from pipeline.models.common.loop import Row
from pipeline.models.common.record import Record

# The code that decides what training gives, in pipeline/: what dvc.yaml lists for this stage (a test
# compares them), so that a checkpoint of other code is left alone exactly when DVC trains again.
CODE = (
    "stages/train.py",
    "models/common",
    "models/{family}",
    "compute",
    "evaluation/plots/figure.py",
    "evaluation/plots/grids.py",
    "config/base.py",
    "config/models/common",
    "config/models/{family}",
    "io",
)
LIVE_COLUMNS = 5


@dataclass(frozen=True, kw_only=True)
class Paths:
    """The data to read, and files to write."""

    data: Path  # data/normalized/D.safetensors
    model: Path
    log: Path  # training.tsv
    verdict: Path
    costs: Path  # beside the model, under no digest
    progress: Path  # one picture: the same noise from the first step to the last
    live: Path  # a folder to watch while it runs: dvclive's files, a grid every `grid_steps`
    checkpoints: Path
    start: Path | None = None  # the model of another run, whose weights the nets begin with


def run(name: str, settings: Any, seed: int, threads: int, paths: Paths) -> None:
    """Train from the last checkpoint of exactly these settings, code and data, or from the start.

    `settings`: of a family, one of `pipeline.config.models`.
    With several devices, each rank of the run calls it; `threads`: of all ranks together. TrainingError if
    the machine or the data do not suit the settings, or the training diverges with nothing to write.
    """
    arithmetic.enter(settings.reproducible)
    devices.reproducible(threads // settings.devices, settings.precision, settings.compile)
    allocator.keep_freed_memory()
    device = devices.choose(
        settings.device, settings.precision, settings.devices, parallel.local_rank()
    )
    if settings.compile:
        devices.check_compiler(device)
    with parallel.world(settings.devices, device.type) as world:
        train(name, settings, seed, threads, paths, device, world)


@dataclass(frozen=True)
class Finished:
    """A training that came to its end, or was stopped."""

    training: Any  # of the run's family
    rows: list[Row]  # of training.tsv
    record: Record
    verdict: dict[str, str]  # verdict, reason, hint
    save: Callable[[], None]  # the checkpoint


def train(
    name: str,
    settings: Any,
    seed: int,
    threads: int,
    paths: Paths,
    device: torch.device,
    world: World,
) -> None:
    """Bring the run's trainings to their ends, one after the other, and write the results from rank 0."""
    parts = read_tensors(paths.data, ["train_images", "train_labels"])
    images, labels = parts["train_images"], known(parts["train_labels"])
    trainings = models.load(models.FAMILIES[settings.family].trainings)
    start, origin = starting_point(paths.start)
    if origin and world.writes:
        print(
            "train {}: starts from {run}, {steps:,} steps".format(name, **origin), file=sys.stderr
        )
    games: list[Finished] = []
    delete_checkpoints: list[Callable[[], None]] = []
    with ExitStack() as held:
        for part, training in trainings(settings, seed, images, device, labels, world, start):
            if games:
                games[-1].save()  # a kill from here on does not repeat it
            kind = (device.type, training.precision, *([origin["weights"]] if origin else ()))
            of_this = identity(training.settings, training.seed, threads, kind, images)
            checkpoint = paths.checkpoints / of_this / "checkpoint.pt"
            if world.writes:
                delete_checkpoints.append(held.enter_context(checkpoints.shared(checkpoint)))
            label = f"{name} {part}".rstrip()
            # by hand, results of an earlier training may lie there: they stay until this one is done
            log = None if part or paths.model.exists() else paths.log
            games.append(train_to_the_end(label, training, checkpoint, paths.live / part, log))
        if world.writes:
            class_names = read_about(paths.data).get("class_names")
            write_results(games[-1], seed, threads, paths, class_names, origin)
            write_costs(games, paths)
            for delete in delete_checkpoints:
                delete()


def starting_point(model: Path | None) -> tuple[dict[str, Tensor] | None, dict[str, Any]]:
    """The tensors of the run to start from, and what is kept of it; nothing for a start at random.

    steps: that its nets were trained for, those of the runs before it included; weights: SHA-256 of all tensors.
    """
    if model is None:
        return None, {}
    tensors, about = read_tensors(model), read_about(model)
    steps = about["steps"] + about.get("from", {}).get("steps", 0)
    return tensors, {"run": model.parent.name, "steps": steps, "weights": digest(tensors)}


def digest(tensors: dict[str, Tensor]) -> str:
    """SHA-256 of all tensors' bytes in the order of their names, whatever their file's metadata."""
    sha256 = hashlib.sha256()
    for name in sorted(tensors):
        sha256.update(tensors[name].contiguous().view(-1).view(torch.uint8).numpy().data)
    return sha256.hexdigest()


def train_to_the_end(
    name: str, training: Any, checkpoint: Path, folder: Path, log: Path | None
) -> Finished:
    """Train from `checkpoint`, if it exists, to the last step or a stop; `folder`: for live files; `log`: grows
    meanwhile."""

    def say(words: str) -> None:
        if training.world.writes:
            print(f"train {name}: {words}", file=sys.stderr)

    device, on = training.device, training.world.writes
    if training.precision == "bf16" and not precision.multiplies_bf16(device):
        say(
            f"warning: this {device.type} has no units for bf16: expect it to be tens of times slower "
            "than float32. Set train.precision: auto"
        )
    if training.settings.precision == "auto":
        unmeasured = precision.unmeasured(device, training.products)
        if unmeasured:
            say(unmeasured)
    if training.batches.images.device.type != device.type:
        say(f"the images stay in the computer's memory, {device} gets them batch by batch")
    family = models.FAMILIES[training.settings.family]
    Monitor, Observer = models.load(family.monitor), models.load(family.observer)
    monitor, record = Monitor(training.settings, say), Record()
    parts: dict[str, checkpoints.Stateful] = {
        "training": training,
        "monitor": monitor,
        "record": record,
    }
    if checkpoints.restore(checkpoint, parts, say, writes=on):
        say(f"resuming at step {training.step:,} of {training.steps:,}")
    before = record.seconds

    def save() -> None:
        record.seconds = before + progress.seconds()
        if on:
            checkpoints.save(checkpoint, parts)

    with (
        growing(log if on else None, monitor.log) as show_log,
        Live(folder, resume=training.step > 0, on=on, log=show_log) as live,
        Progress(name, training.steps, training.step, training.images, on=on) as progress,
    ):
        observer = Observer(training, record, live, progress, picture)
        loop.run(training, monitor, observer, save)
        record.seconds = before + progress.seconds()
    verdict = asdict(monitor.verdict())
    sign = "" if verdict["verdict"] == "healthy" else "warning: "  # shown beside the job, too
    say(sign + "{verdict}: {reason}. {hint}".format(**verdict).rstrip())
    return Finished(training, monitor.log(), record, verdict, save)


@contextmanager
def growing(log: Path | None, rows: Callable[[], list[Row]]) -> Iterator[Callable[[], None]]:
    """What writes `log` as far as the training has come; of one that is interrupted nothing is left."""

    def show() -> None:
        if log and (so_far := rows()):
            write_rows(log, so_far)

    try:
        yield show
    except BaseException:
        if log:
            log.unlink(missing_ok=True)
        raise


def picture(images_NCHW: Tensor) -> bytes:
    """PNG of the grid that is shown during training."""
    return pictures.grid(images_NCHW.numpy(), LIVE_COLUMNS)


def write_results(
    game: Finished,
    seed: int,
    threads: int,
    paths: Paths,
    class_names: list[str] | None = None,
    origin: dict[str, Any] | None = None,
) -> None:
    """Write what the stage makes. All of it is the same bytes for the same params, code, data and kind of
    machine: nothing of it may depend on the clock, on interruptions or on this very machine."""
    training = game.training
    settings = training.settings
    about = {
        "model": settings.family,
        "train": settings.model_dump(mode="json"),
        "seed": seed,
        **({"from": origin} if origin else {}),
        "steps": training.step,
        "image_shape": list(training.image_shape),
        "classes": training.classes,
        **({"class_names": class_names} if class_names else {}),
        "torch": torch_version(settings.reproducible),
        "device": training.device.type,
        "threads": threads,
        "precision": training.precision,
        "code": code_version(settings.family),
    }
    write_model(paths.model, training.weights() | training.snapshots, about)
    write_rows(paths.log, game.rows)
    grids = game.record.grids
    steps = [min(i * settings.grid_steps, training.step) for i in range(len(grids))]
    write_bytes(paths.progress, pictures.progress(torch.stack(grids).numpy(), steps))
    write_json(paths.verdict, {**game.verdict, "steps": training.step})


def torch_version(reproducible: str) -> str:
    """With the build (2.9.0+cpu), which computes alike on processors: left out where the bytes are those of anywhere."""
    return torch.__version__.partition("+")[0] if reproducible == "anywhere" else torch.__version__


def write_costs(games: list[Finished], paths: Paths) -> None:
    """Of all the games together; memory is that of the process that came to the end."""
    training = games[-1].training
    seconds = sum(game.record.seconds for game in games)
    images = sum(game.training.images(game.training.step) for game in games)
    on_gpu = training.device.type == "cuda"
    costs.record(
        paths.costs,
        paths.model,
        train_seconds=round(seconds, 1),
        images_per_second=round(images / max(seconds, 1e-9), 1),
        parameters=header.parameters(paths.model),
        peak_memory_mb=costs.peak_memory_mb(),
        peak_gpu_memory_mb=round(torch.cuda.max_memory_allocated() / 1e6) if on_gpu else None,
        processor=machine.processor(),
        gpu=torch.cuda.get_device_name() if on_gpu else None,
        versions=costs.versions(),
    )


def known(labels_N: Tensor) -> Tensor | None:
    """The labels, or None where not every image has one (-1)."""
    return None if (labels_N < 0).any() else labels_N.long()


def code_version(family: str, package: Path = Path(__file__).parents[1]) -> str:
    """16 hex digits that change when any file of `CODE` in the folder `package` does, or its name."""
    listed = [package / part.format(family=family) for part in CODE]
    files = [file for part in listed for file in ([part] if part.is_file() else part.rglob("*.py"))]
    digest = hashlib.sha256()
    for file in sorted(files):
        content = file.read_bytes()
        digest.update(f"{file.relative_to(package).as_posix()} {len(content)}\n".encode() + content)
    return digest.hexdigest()[:16]


def identity(settings: Any, seed: int, threads: int, kind: tuple, images: Tensor) -> str:
    """Name of the checkpoint that belongs to exactly these settings, code, data and kind of machine."""
    facts = (
        settings.model_dump_json(),
        seed,
        threads,
        *kind,
        torch.__version__,
        code_version(settings.family),
    )
    digest = hashlib.sha256(repr(facts).encode())
    digest.update(images.numpy().data)
    return digest.hexdigest()[:16]


def write_rows(path: Path, rows: list[Row]) -> None:
    """Write training.tsv: a header and a row per logged step, six significant digits."""
    columns = list(rows[0])
    lines = ["\t".join(columns)]
    lines += ["\t".join(f"{row[column]:.6g}" for column in columns) for row in rows]
    write_bytes(path, ("\n".join(lines) + "\n").encode())
