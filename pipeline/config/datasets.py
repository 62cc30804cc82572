"""`datasets:` of params.yaml: where images come from and how they are split."""

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from pipeline.config.base import Positive, Section


class Mnist(Section):
    """70,000 handwritten digits, 28 x 28, grey."""

    name: Literal["mnist"]
    local: str | None = (
        None  # folder with the four IDX files (.gz or not), tried before the network
    )


class Digits(Section):
    """1,797 handwritten digits, 8 x 8, grey; they come with scikit-learn, no network needed."""

    name: Literal["digits"]


class Mixture(Section):
    """Points of a mixture of equally likely Gaussians whose density is known."""

    name: Literal["mixture"]
    means: Annotated[
        tuple[Annotated[tuple[float, ...], Field(strict=False)], ...], Field(strict=False)
    ]
    std: Annotated[float, Field(gt=0)]
    train_points: Positive = 50_000
    test_points: Positive = 10_000
    seed: int = 0

    @model_validator(mode="after")
    def fits_the_box(self) -> Self:
        dims = {len(mean) for mean in self.means}
        if dims not in ({1}, {2}):
            raise ValueError(f"means have {sorted(dims)} coordinates; all must have 1, or all 2")
        reach = max(abs(value) for mean in self.means for value in mean) + 6 * self.std
        if reach > 1:
            raise ValueError(
                f"|mean| + 6 std is {reach:.3g}; it must stay within 1 (data lie in [-1, 1])"
            )
        return self


Source = Annotated[Mnist | Digits | Mixture, Field(discriminator="name")]


class Normalize(Section):
    validation_images: (
        Positive  # the last of the training images; authors: 10,000 of MNIST's 60,000
    )


class Dataset(Section):
    source: Source
    normalize: Normalize
