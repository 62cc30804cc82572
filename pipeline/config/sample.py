"""`runs.R.sample` of params.yaml."""

from typing import Literal

from pipeline.config.base import Positive, Section


class Sample(Section):
    """What is drawn from the trained G, and the pictures of it."""

    count: Positive = 10_000  # the paper's number for the Parzen estimate
    weights: Literal["ema", "raw"] = "raw"  # G's moving average, or G as it was at the last step
    # paths of Figure 3; auto: lines for uniform noise, great circles (slerp) for the others
    interpolation: Literal["auto", "great_circle", "line"] = "auto"
    batch_size: Positive = 1_000  # affects memory only
    grid_rows: Positive = 10
    grid_columns: Positive = 10
