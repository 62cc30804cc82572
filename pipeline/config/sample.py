"""`runs.R.sample` of params.yaml."""

from typing import Annotated, Literal

from pydantic import Field

from pipeline.config.base import MOST, Positive, Section

ImportanceSamples = Annotated[int, Field(gt=0, le=1_000_000)]
Side = Annotated[int, Field(gt=0, le=1_000)]  # pictures of a grid


class Rejection(Section):
    """Discriminator rejection sampling, of a gan (pipeline/models/gan/rejection.py)."""

    accepted: Annotated[float, Field(ge=0.01, lt=1)]  # share of G's samples that is kept


class Sample(Section):
    """What is drawn from the trained G, and the pictures of it."""

    # the paper's number for the Parzen estimate; `metrics` compares five nearest neighbours
    count: Annotated[int, Field(ge=6, le=MOST)] = 10_000
    weights: Literal["ema", "raw"] = "raw"  # G's moving average, or G as it was at the last step
    rejection: Rejection | None = None  # of samples that D does not take for data (Azadi 2019)
    # paths of Figure 3; auto: lines for uniform noise, great circles (slerp) for the others
    interpolation: Literal["auto", "great_circle", "line"] = "auto"
    batch_size: Positive = 1_000  # affects memory only
    # of a VAE: z drawn of q(z|x) for each test image, k of the importance-weighted bound (Burda et al. 2016)
    # 50 if left out
    importance_samples: ImportanceSamples | None = None
    grid_rows: Side = 10
    grid_columns: Side = 10

    @property
    def accepted(self) -> float | None:
        """Share of G's samples that rejection keeps; None where all are kept."""
        return None if self.rejection is None else self.rejection.accepted
