"""A trained model to draw from, of whatever family: samples, points of its latent space, paths between them."""

import math
from collections.abc import Iterable, Sequence
from contextlib import AbstractContextManager
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

import numpy as np
import psutil
import torch
from pydantic import ValidationError
from torch import Tensor

from pipeline import models
from pipeline.compute.streams import generator
from pipeline.config.fitting import against_rejection
from pipeline.config.sample import Rejection
from pipeline.errors import DataError, RequestError
from pipeline.io.files import reading
from pipeline.io.tensors import read_about, read_tensors
from pipeline.models.gan.interpolation import PATHS
from pipeline.models.gan.saved import Saved as SavedGan
from pipeline.use import pictures, spaces
from pipeline.use.place import model_file

if TYPE_CHECKING:
    from PIL.Image import Image

# Shapes: N images, Z numbers of a point of the latent space, S steps of a path; images are NCHW.

# Images at a time. Points are drawn so many at a time, however few are asked for: so the first of many
# samples are those of few, and those that the stage `sample` draws with its default batch_size.
BLOCK = 1_000

Label = int | str | Sequence[int | str] | Tensor | None
EACH = "each"  # as a label: all classes in turn


class Model:
    """Draws images in [-1, 1], float32 [N, C, H, W], on the CPU.

    The same arguments give the same images, in any order of calls. Every mistake in them is a RequestError, which
    is a ValueError.
    """

    def __init__(self, file: Path, weights: str | None = None):
        """`weights`: ema or raw; None takes ema where the file has it. DataError if `file` is no model of this
        version."""
        self.file = file
        self.about: dict[str, Any] = read_about(file)
        self._saved = models.saved(self.about, read_tensors(file), str(file))
        self.family: str = self.about["model"]
        self.weights = self._chosen(weights)
        self.image_shape: tuple[int, ...] = self._saved.image_shape  # C, H, W
        asked_for = self._saved.classes_asked_for
        # by number; [] if it is told no class
        self.class_names: list[str] = self._saved.class_names[:asked_for]
        with self._reading():
            self.space = spaces.of(self._saved, self.weights)

    @property
    def name(self) -> str:
        """Of the run, which is its folder's, or of the file if that has a name of its own."""
        file = self.file.resolve()
        return file.parent.name if file.stem == "model" else file.stem

    def __repr__(self) -> str:
        told = f", {len(self.class_names)} classes" if self.class_names else ""
        return f"<{self.family} {self.file}: images {list(self.image_shape)}{told}, {self.weights}>"

    def sample(
        self,
        count: int = 1,
        *,
        seed: int = 0,
        label: Label = None,
        truncation: float | None = None,
        rejection: float | None = None,
    ) -> Tensor:
        """`count` images. With the run's seed, weights, numbers of samples and rejection they are those in samples.npy.

        `label`: for a conditional model a class by number or name, a list of one for each image, or "each", the default:
        all classes in turn, as the stage `sample` draws them. `truncation`: see `latent`. `rejection`: the share of samples that D
        lets through (pipeline/models/gan/rejection.py), of a GAN whose D gives probabilities; 0.01 to below 1.
        """
        self._count(count)
        label = plain(label)
        if label is None and self.class_names and EACH not in self.class_names:
            label = EACH
        if rejection is not None:
            if truncation is not None:
                raise RequestError("rejection and truncation exclude each other; leave one out")
            return self._accepted(count, seed, label, rejection)
        labels = self._labels(label, count)
        if self.space is not None:
            return self.decode(self.latent(count, seed=seed, truncation=truncation), label=labels)
        if truncation is not None:
            self._no_latent("truncation")
        batch_size, seed = min(count, BLOCK), self._seed(seed)
        with self._reading():
            drawn = self._saved.samples(self.weights, count, batch_size, seed)
            return self._finite(torch.cat([images for images, *_ in drawn]))

    def _accepted(self, count: int, seed: int, label: Label, accepted: float) -> Tensor:
        if not isinstance(self._saved, SavedGan):
            raise RequestError(
                f"rejection asks the discriminator of a gan, and {self.file} is of family {self.family}; leave it out"
            )
        try:
            Rejection(accepted=accepted)
        except ValidationError:
            raise RequestError(
                f"rejection is {accepted}; expected the share of samples to keep, 0.01 to less than 1, such as 0.7"
            ) from None
        if reason := against_rejection(self._saved.train):
            raise RequestError(f"rejection {reason}: {self.file}; leave it out")
        if label is not None and not isinstance(label, str | int):
            raise RequestError(f'rejection draws one class or "{EACH}", not a list of labels')
        told = self._labels(label, len(self.class_names) if label == EACH else 1)
        labels = None if told is None else told.tolist()
        seed = self._seed(seed)
        with self._reading():
            drawn = self._saved.accepted_samples(self.weights, count, BLOCK, seed, accepted, labels)
            return self._finite(torch.cat([images for images, *_ in drawn]))

    def latent(self, count: int = 1, *, seed: int = 0, truncation: float | None = None) -> Tensor:
        """`count` points [N, Z] of the latent space, from the model's prior.

        The first of many are those of few. `truncation`: how many standard deviations a coordinate may be away from 0; 2
        say, or less for more typical images of less variety.
        """
        space = self._space("latent")
        self._count(count)
        stream = generator(self._seed(seed), "sample")
        if truncation is not None:
            self._check_truncation(space, truncation)

        def draw() -> Tensor:
            if truncation is None:
                return space.draw(BLOCK, stream)
            return spaces.truncated(space, BLOCK, stream, truncation)

        return torch.cat([draw() for _ in range(-(-count // BLOCK))])[:count]

    @torch.no_grad()
    def decode(self, z: Tensor, *, label: Label = None) -> Tensor:
        """The images of points [N, Z] of the latent space, or of one point [Z]. `label` as of `sample`."""
        space = self._space("decode")
        z_NZ = self._points(z)
        labels_N = self._labels(label, len(z_NZ))
        space.start()
        blocks = [slice(start, start + BLOCK) for start in range(0, len(z_NZ), BLOCK)]
        drawn = [
            space.decode(z_NZ[rows], None if labels_N is None else labels_N[rows])
            for rows in blocks
        ]
        return self._finite(torch.cat(drawn))

    def interpolate(
        self,
        a: Tensor | int,
        b: Tensor | int,
        steps: int = 9,
        *,
        path: str | None = None,
        label: Label = None,
    ) -> Tensor:
        """`steps` images on the way from `a` to `b`, both included.

        `a`, `b`: points [Z] of the latent space, or seeds of one. `path`: great_circle (White 2016) or line; None takes
        the one along which points stay typical of the prior. `label` as of `sample`.
        """
        space = self._space("interpolate")
        at_least("steps", steps, 2)
        self._count(steps)
        if path is not None and path not in PATHS:
            raise RequestError(f"path is {path!r}, expected one of {', '.join(PATHS)}")
        ends = [
            self.latent(seed=end)[0] if isinstance(end, int) else end for end in map(plain, (a, b))
        ]
        a_Z, b_Z = (self._points(end)[0] for end in ends)
        along_S = torch.linspace(0, 1, steps)
        return self.decode(PATHS[path or space.path](a_Z, b_Z, along_S), label=label)

    @staticmethod
    def to_pil(images_NCHW: Tensor) -> "list[Image]":
        """Pillow's pictures, 8 bits a number, of images in [-1, 1]; RequestError for points."""
        return pictures.to_pil(images_NCHW)

    @staticmethod
    def to_sheet(images_NCHW: Tensor, columns: int = 10) -> "Image":
        """One of Pillow's pictures with all images in [-1, 1] side by side; of points a plot."""
        return pictures.sheet(images_NCHW, columns)

    def _reading(self) -> AbstractContextManager[None]:
        """Tensors that do not fit the net that the metadata describe are a DataError."""
        return reading(self.file, f"{self.family} model")

    # What is asked for, checked.

    def _chosen(self, weights: str | None) -> str:
        if weights is None:
            return "ema" if self._saved.has_average else "raw"
        if weights not in ("ema", "raw"):
            raise RequestError(f"weights is {weights!r}, expected ema or raw")
        if weights == "ema" and not self._saved.has_average:
            raise RequestError(f"{self.file} has no average of weights; take weights: raw")
        return weights

    def _count(self, count: int) -> None:
        """At least 1, and no more than half of the memory holds: beyond it the system ends the process without a word."""
        at_least("count", count, 1)
        needed = 4 * count * math.prod(self.image_shape)
        memory = psutil.virtual_memory().total
        if needed > memory / 2:
            raise RequestError(
                f"{count:,} images take {needed / 2**30:,.1f} GiB, and this machine has {memory / 2**30:,.1f}; draw fewer at "
                "a time, with other seeds, or let the stage `sample` write them in parts (sample.count)"
            )

    def _finite(self, images_NCHW: Tensor) -> Tensor:
        if not images_NCHW.isfinite().all():
            raise DataError(
                f"{self.file}: what it draws is NaN or infinite: its training has diverged (verdict.json says when). "
                "Lower its learning rates and train again"
            )
        return images_NCHW

    def _space(self, what: str) -> spaces.Space:
        return self.space or self._no_latent(what)

    def _no_latent(self, what: str) -> NoReturn:
        raise RequestError(
            f"{what} needs a latent space, which gan and flow models have, and {self.file}, of family "
            f"{self.family}, has not: it draws with chance at every step. Use sample(count, seed=...)"
        )

    def _points(self, z: Tensor) -> Tensor:
        dim = self._space("decode").dim
        z_NZ = torch.as_tensor(z, dtype=torch.float32)
        z_NZ = z_NZ[None] if z_NZ.dim() == 1 else z_NZ
        if z_NZ.dim() != 2 or z_NZ.shape[1] != dim or len(z_NZ) == 0:
            raise RequestError(
                f"points of shape {list(z_NZ.shape)}, expected [N, {dim}] or [{dim}]: {self.file} has a latent space "
                f"of {dim} dimensions"
            )
        if not z_NZ.isfinite().all():
            raise RequestError("points of the latent space must be finite numbers")
        return z_NZ

    def _check_truncation(self, space: spaces.Space, truncation: float) -> None:
        if not space.has_tails:
            raise RequestError(
                f"truncation cuts the tails of a prior, and the {space.prior} one of {self.file} has none"
            )
        if not 0.01 <= truncation < float("inf"):
            raise RequestError(
                f"truncation is {truncation}; expected standard deviations from 0.01 on, such as 1.5"
            )

    @staticmethod
    def _seed(seed: int) -> int:
        seed = plain(seed)
        if isinstance(seed, bool) or not isinstance(seed, int) or seed < 0:
            raise RequestError(f"seed is {seed!r}, expected a whole number from 0 on")
        return seed

    def _labels(self, label: Label, count: int) -> Tensor | None:
        """[count], or None for a model that is told no class."""
        names, label = self.class_names, plain(label)
        if not names:
            if label is None:
                return None
            raise RequestError(
                f"{self.file} is told no class, so it cannot draw one: leave out label (--label)"
            )
        if label is None:
            raise RequestError(
                f"{self.file} draws the class that it is told: give label (--label), 0 to {len(names) - 1} or a name "
                f'of {listed(names)}; or "{EACH}" for all in turn'
            )
        if isinstance(label, str) and label == EACH and EACH not in names:
            return torch.arange(count) % len(names)
        if isinstance(label, str) or not isinstance(label, Iterable):
            return torch.full((count,), self._number(label))
        numbers = [self._number(plain(one)) for one in label]
        if len(numbers) != count:
            raise RequestError(
                f"{len(numbers)} labels for {count} images; give one each, or one for all"
            )
        return torch.tensor(numbers)

    def _number(self, label: Any) -> int:
        """Of a class; RequestError if there is no such class."""
        names = self.class_names
        if isinstance(label, str) and label in names:
            return names.index(label)
        if isinstance(label, str) and label.isdecimal():
            label = int(label)
        if isinstance(label, int) and not isinstance(label, bool) and 0 <= label < len(names):
            return label
        raise RequestError(
            f"{self.file} knows no class {label!r}; it has 0 to {len(names) - 1}: {listed(names)}"
        )


def load(where: str | Path, weights: str | None = None) -> Model:
    """See pipeline.load."""
    return Model(model_file(where), weights)


def plain(value: Any) -> Any:
    """A single number of NumPy's or torch's as Python's; anything else as it is."""
    single = isinstance(value, Tensor | np.ndarray | np.generic) and value.ndim == 0
    return value.item() if single else value


def at_least(name: str, value: int, least: int) -> None:
    if isinstance(value, bool) or not isinstance(value, int) or value < least:
        raise RequestError(f"{name} is {value!r}, expected a whole number from {least} on")


def listed(names: Sequence[str], most: int = 12) -> str:
    """The first `most` of `names`, in words."""
    return ", ".join(islice(names, most)) + (", ..." if len(names) > most else "")
