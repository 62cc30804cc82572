"""A trained model, put together again from what its model file holds."""

import math
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, ClassVar, NamedTuple

from pydantic import ValidationError
from torch import Tensor, nn

from pipeline.config.base import Section
from pipeline.errors import DataError
from pipeline.io.files import reading

PATIENCE_SECONDS = 20  # of what is not worth a word before it begins


def named(prefix: str, net: nn.Module) -> dict[str, Tensor]:
    """State of `net`, on the CPU, with `prefix` before every name."""
    return {f"{prefix}.{key}": value.detach().cpu() for key, value in net.state_dict().items()}


class SavedModel:
    """What the file of every family holds: settings, the images' shape and classes, and tensors."""

    settings: ClassVar[type[Section]]  # the family's `train`
    # Where samples can be looked at in several ways: what they are, and what `samples` gives beside them.
    main_view: ClassVar[str | None] = None
    views: ClassVar[tuple[str, ...]] = ()
    # of the names of tensors: raw, and ema for a moving average
    prefixes: ClassVar[Mapping[str, str]] = {"raw": "net.", "ema": "net_ema."}

    def __init__(self, about: Mapping[str, Any], tensors: Mapping[str, Tensor], where: str):
        """`about` and `tensors` as `train` wrote them; `where`: the file, for error messages."""
        self.tensors = tensors
        self.where = where
        self.train: Any = self.settings.model_validate(about["train"])
        self.image_shape: tuple[int, ...] = tuple(about["image_shape"])  # C, H, W
        self.classes: int = about["classes"]  # number of labels of the data, 0 if there are none
        names = about.get("class_names") or [f"class {label}" for label in range(self.classes)]
        self.class_names: list[str] = names  # by label
        self.seed: int = about["seed"]

    def samples(
        self, weights: str, count: int, batch_size: int, seed: int
    ) -> Iterator[tuple[Tensor, ...]]:
        """`count` samples, `batch_size` at a time: images [B, C, H, W] in [-1, 1], and the same in each of `views`.

        `weights`: ema or raw; DataError if the file does not hold them.
        """
        raise NotImplementedError

    def draw(
        self, weights: str, count: int, batch_size: int, seed: int, accepted: float | None = None
    ) -> Iterator[tuple[Tensor, ...]]:
        """As `samples`; `accepted`: the share that D lets through, of a GAN, all when None."""
        assert accepted is None, "no discriminator"
        return self.samples(weights, count, batch_size, seed)

    def wait_for_samples(self, weights: str, count: int, batch_size: int) -> "Wait | None":
        """How long `samples` will take, tried out on this machine; None where nobody asks."""
        return None

    def wait_for_likelihood(self, weights: str) -> "Wait | None":
        """How long it will take before a likelihood is known, such as for an estimate of log Z."""
        return None

    @property
    def pixels(self) -> int:
        """Numbers of an image."""
        return math.prod(self.image_shape)

    @property
    def classes_asked_for(self) -> int:
        """How many classes samples are drawn by; 0 if the model is told none."""
        return 0

    @property
    def has_average(self) -> bool:
        return any(key.startswith(self.prefixes["ema"]) for key in self.tensors)

    def state(self, weights: str, at: str = "") -> dict[str, Tensor]:
        """The state of the net that is sampled; DataError if the file does not hold it. `at`: before the names."""
        prefix = f"{at}{self.prefixes[weights]}"
        found = self.under(prefix)
        if not found:
            raise DataError(
                f"{self.where} holds no {prefix}* weights. Set sample.weights: raw, or train with train.ema."
            )
        return found

    def under(self, prefix: str) -> dict[str, Tensor]:
        """Tensors whose names begin with `prefix`, without it."""
        return {
            key.removeprefix(prefix): value
            for key, value in self.tensors.items()
            if key.startswith(prefix)
        }


def put_together(build: Callable[..., Any], about: dict, tensors: dict, where: str) -> Any:
    """`build` of a file's content; DataError if another version of this project wrote it."""
    # its metadata or tensors may be another version's
    with reading(Path(where), f"{about.get('model')} model"):
        try:
            return build(about, tensors, where)
        except ValidationError as error:
            first = error.errors(include_url=False)[0]
            key = ".".join(map(str, first["loc"]))
            raise DataError(
                f"{where} was written by another version of this project: its setting train.{key} is not one of "
                f"this version ({first['msg']}). Take the version that wrote it, or train again with: dvc repro"
            ) from None


class Wait(NamedTuple):
    """What takes long, said before it begins."""

    seconds: float
    what: str  # in words

    @property
    def is_long(self) -> bool:
        return self.seconds > PATIENCE_SECONDS

    def __str__(self) -> str:
        return f"about {self.seconds:,.0f} seconds: {self.what}"


class Walk(NamedTuple):
    """A model along paths that its kind has: completions, the steps of a chain, a line of latent space."""

    images_RSCHW: Tensor  # R rows of S images in [-1, 1]
    what: str  # in words, for a title
