"""How much memory and disk a run needs at least: a lower bound, from its settings alone."""

import itertools
import math
from typing import TYPE_CHECKING

from pipeline.config.datasets import Dataset, MixturePoints
from pipeline.config.models.gan.nets import (
    DcganDiscriminator,
    DcganGenerator,
    DeconvGenerator,
    Mlp,
    Net,
    R3gan,
    ResnetDiscriminator,
    ResnetGenerator,
)
from pipeline.config.models.gan.train import Train

if TYPE_CHECKING:
    from pipeline.config.params import Run

MOST_BYTES = 2**40  # of memory, and of disk for samples: more than machines have
BYTES = 4  # of a float32
COPIES = 4  # of each weight in training: itself, its gradient, and what the optimiser keeps


def check_memory(run: "Run", dataset: Dataset) -> None:
    """ValueError, with the estimate and the key that most of it is for, beyond MOST_BYTES."""
    key, needed = largest(run, dataset)
    if needed > MOST_BYTES:
        raise ValueError(
            f"{key}: needs {size(needed)} of memory at least, more than any machine has; set it lower"
        )
    samples = run.sample.count * math.prod(dataset.image_shape) * BYTES
    if samples > MOST_BYTES:
        raise ValueError(
            f"sample.count is {run.sample.count:,}: the samples take {size(samples)} of disk; set it lower"
        )


def size(count: float) -> str:
    """Bytes in words: 3.2 TiB."""
    for unit in ("bytes", "KiB", "MiB", "GiB", "TiB", "PiB"):
        if count < 1024 or unit == "PiB":
            return f"{count:,.3g} {unit}" if count < 1e6 else f"{count:.1e} {unit}"
        count /= 1024
    raise AssertionError


def largest(run: "Run", dataset: Dataset) -> tuple[str, float]:
    """The key of the run that most memory is for, and the bytes that it needs."""
    found: dict[str, float] = {
        "sample.batch_size": min(run.sample.batch_size, run.sample.count) * pixels(dataset),
        "sample.grid_rows": run.sample.grid_rows * run.sample.grid_columns * pixels(dataset),
    }
    if isinstance(run.train, Train):
        of_training = in_training(run.train, dataset)
    else:
        of_training = run.train.memory(pixels(dataset))
    found |= {f"train.{key}": count for key, count in of_training.items()}
    key, count = max(found.items(), key=lambda item: item[1])
    return key, count * BYTES


def pixels(dataset: Dataset) -> int:
    return math.prod(dataset.image_shape)


def in_training(train: Train, dataset: Dataset) -> dict[str, float]:
    """Float32 numbers in memory at once, by the key below `train` that they grow with."""
    inputs = train.noise.dim + (train.conditional.embedding if train.conditional else 0)
    nets: dict[str, tuple[Net, int]] = {
        "generator": (train.generator, inputs),
        "discriminator": (train.discriminator, pixels(dataset)),
    }
    if train.autoencoder:
        nets["autoencoder.encoder"] = (train.autoencoder.encoder, pixels(dataset))
    found = {"noise.dim": float(train.batch_size * train.noise.dim)}
    found["batch_size"] = train.batch_size * pixels(dataset)
    for key, (net, width) in nets.items():
        chain = widths(net, width, dataset)
        weights = sum(a * b for a, b in itertools.pairwise(chain))
        found[key] = weights * COPIES + train.batch_size * max(chain)
    extra = train.discriminator.minibatch_discrimination
    if extra:
        last = widths(train.discriminator, pixels(dataset), dataset)[-1]
        found["discriminator.minibatch_discrimination"] = extra.kernels * (
            last * extra.dims * COPIES + train.batch_size**2
        )
    if train.replay:
        found["replay.size"] = train.replay.size * pixels(dataset)
    if train.past_players:
        found["past_players.keep"] = train.past_players.keep * (
            found["generator"] + found["discriminator"]
        )
    if train.conditional:
        found["conditional.embedding"] = train.conditional.embedding * pixels(dataset) * COPIES
    return found


def widths(net: Net, inputs: int, dataset: Dataset) -> list[int]:
    """Numbers of inputs and of units of each fully connected layer; of convolutions the widest one."""
    match net:
        case Mlp(hidden=hidden, pieces=pieces, activations=activations):
            units = [
                u * (pieces if a == "maxout" else 1)
                for u, a in zip(hidden, activations, strict=True)
            ]
            return [inputs, *units]
        case DeconvGenerator(hidden=hidden):
            return [inputs, *hidden]
        case DcganGenerator() | DcganDiscriminator():
            return [net.filters, 2 * net.filters * net.kernel**2]
        case ResnetGenerator() | ResnetDiscriminator():
            return [net.filters, 9 * net.filters]
        case R3gan(filters=filters, expansion=expansion):
            return [filters, expansion * filters]
    convolutions = net.convolutions  # type: ignore[attr-defined]
    maps = [conv.channels * conv.pieces for conv in convolutions]
    kernels = [conv.kernel**2 for conv in convolutions]
    flat = [a * b * k for a, b, k in zip([1, *maps], maps, kernels, strict=False)]
    return [max(flat), *(h * net.pieces for h in net.hidden)]  # type: ignore[attr-defined]


def check_points(dataset: Dataset) -> None:
    """ValueError if the points of a mixture need more than MOST_BYTES."""
    source = dataset.source
    if isinstance(source, MixturePoints):
        needed = (source.train_points + source.test_points) * pixels(dataset) * 8
        if needed > MOST_BYTES:
            raise ValueError(
                f"source.train_points and test_points need {size(needed)} of memory at least, more than any "
                "machine has; set them lower"
            )
