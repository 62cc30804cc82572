"""A trained GAN, put together again from what its model file holds."""

from collections.abc import Iterator, Mapping
from typing import Any, Literal

from torch import Tensor

from pipeline.compute.streams import generator
from pipeline.config.models.gan.train import Train
from pipeline.errors import DataError
from pipeline.models.gan.nets import discriminator_of, generator_of
from pipeline.models.gan.sampling import SymmetricDiscriminator, SymmetricGenerator, draw

Weights = Literal["raw", "ema"]  # G as it was, or the moving average of its weights
PREFIXES = {"raw": "generator.", "ema": "generator_ema."}


class Saved:
    """The nets at the end of the training or, for points, at a snapshot; all in evaluation mode."""

    def __init__(self, about: Mapping[str, Any], tensors: Mapping[str, Tensor], where: str):
        """`about` and `tensors` as `train` wrote them; `where`: the file, for error messages."""
        self.tensors = tensors
        self.where = where
        self.train = Train.model_validate(about["train"])
        self.image_shape: tuple[int, ...] = tuple(about["image_shape"])  # C, H, W
        self.classes: int = about["classes"]  # number of labels of the data, 0 if there are none
        names = about.get("class_names") or [f"class {label}" for label in range(self.classes)]
        self.class_names: list[str] = names  # by label
        self.seed: int = about["seed"]

    def generator(self, weights: Weights, step: int | None = None) -> SymmetricGenerator:
        """G after `step` updates, at the end when None. DataError if the file does not hold it."""
        stream = generator(self.seed, "sample layers")
        net = generator_of(self.train, self.image_shape, self.classes, stream)
        tensors = self._tensors(PREFIXES[weights], step)
        if not tensors:
            raise DataError(
                f"{self.where} holds no {PREFIXES[weights]}* weights. Set sample.weights: raw, or train "
                "with train.ema."
            )
        net.load_state_dict(tensors)
        return SymmetricGenerator(net, self.train, self.classes).eval()

    def discriminator(self, step: int | None = None) -> SymmetricDiscriminator:
        """D after `step` updates of G, at the end when None."""
        stream = generator(self.seed, "sample layers")
        net = discriminator_of(self.train, self.image_shape, self.classes, stream)
        net.load_state_dict(self._tensors("discriminator.", step))
        return SymmetricDiscriminator(net, self.train).eval()

    def samples(self, weights: Weights, count: int, batch_size: int, seed: int) -> Iterator[Tensor]:
        """`count` images [B, C, H, W] in [-1, 1], `batch_size` at a time; of a conditional G as many of each
        class, in turn. DataError as of `generator`."""
        return draw(self.generator(weights), count, batch_size, seed)

    @property
    def classes_asked_for(self) -> int:
        """How many classes G is told apart by; 0 if it is told none."""
        return 0 if self.train.conditional is None else self.classes

    @property
    def has_average(self) -> bool:
        return any(key.startswith(PREFIXES["ema"]) for key in self.tensors)

    def snapshots(self) -> list[int]:
        """Steps at which both players were kept, rising; empty for images."""
        return sorted(
            {int(key.split(".")[1]) for key in self.tensors if key.startswith("snapshot.")}
        )

    def _tensors(self, prefix: str, step: int | None) -> dict[str, Tensor]:
        if step is not None:
            prefix = f"snapshot.{step}.{prefix}"
        return {
            key.removeprefix(prefix): value
            for key, value in self.tensors.items()
            if key.startswith(prefix)
        }
