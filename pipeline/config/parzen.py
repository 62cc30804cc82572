"""`runs.R.parzen` of params.yaml: the paper's evaluation."""

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from pipeline.config.base import MOST, Positive, Section

Exponent = Annotated[float, Field(ge=-10, le=10)]


class SigmaGrid(Section):
    """Window widths, evenly spaced in log10; pixels in [0, 1]."""

    # widths from 1e-10 to 1e10: their squares and reciprocals stay finite
    log10_start: Exponent = -1.0
    log10_stop: Exponent = 0.0
    points: Annotated[int, Field(gt=0, le=10_000)] = 10  # authors: 0.1, 0.129, ..., 1

    @model_validator(mode="after")
    def is_ascending(self) -> Self:
        if self.log10_stop < self.log10_start:
            raise ValueError(
                f"log10_stop {self.log10_stop} lies below log10_start {self.log10_start}"
            )
        return self

    def around(self, sigma: float) -> list[float]:
        """Twenty-one widths from one step of the grid below `sigma` to one above it."""
        steps = max(1, self.points - 1)
        factor = 10 ** (max(self.log10_stop - self.log10_start, 0.1) / steps)
        return [sigma * factor ** (i / 10) for i in range(-10, 11)]

    def sigmas(self) -> list[float]:
        """The widths, ascending."""
        if self.points == 1:
            return [10**self.log10_start]
        step = (self.log10_stop - self.log10_start) / (self.points - 1)
        return [10 ** (self.log10_start + i * step) for i in range(self.points)]


class Parzen(Section):
    """Settings of the Parzen-window estimate; log-likelihoods are in nats, pixels in [0, 1]."""

    sigma_grid: SigmaGrid = SigmaGrid()
    samples: Positive | None = 10_000  # the first so many, as the paper; null: all
    # sigma is chosen on the first of them; authors; where fewer exist, the default takes all
    validation_images: Positive = 1_000
    test_images: Positive | None = None  # the first of them; all when null, as the paper
    precision: Literal["float64", "float32"] = "float64"  # of the distances
    real_data_images: Annotated[int, Field(ge=0, le=MOST)] = (
        10_000  # centres of the real-data line; 0: none
    )
    # beside the paper's number, estimate with all samples and sigma refined between the grid's points
    fine: bool = True
