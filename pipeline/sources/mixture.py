"""Points from a mixture of Gaussians: data whose density is known, for checking the theory."""

import numpy as np

from pipeline.config.datasets import MixturePoints
from pipeline.sources.raw import TEST, TRAIN, Raw


def fetch(source: MixturePoints) -> Raw:
    """float32 points [N, 1, 1, dims]; the label is the component a point came from."""
    random = np.random.default_rng(source.seed)
    count = source.train_points + source.test_points
    labels = random.integers(len(source.means), size=count)
    centres = np.asarray(source.means)[labels]
    points = centres + source.std * random.standard_normal(centres.shape)
    # 6 standard deviations fit in [-1, 1]; a point beyond (1 in 5e8) is clipped to the edge
    return Raw(
        images=points.clip(-1, 1).astype(np.float32)[:, None, None, :],
        labels=labels.astype(np.int64),
        split=np.repeat(
            np.array([TRAIN, TEST], np.uint8), [source.train_points, source.test_points]
        ),
        provenance={
            "source": f"drawn with seed {source.seed}",
            "means": source.means,
            "std": source.std,
        },
    )
