"""python -m benchmarks.parzen: the Parzen evaluation against what people would otherwise run.

The whole evaluation is 10,000 samples, 1,000 validation points at 10 sigmas and 10,000 test points at
one, of 784 values. The others need minutes, so they are timed on fewer points, and the time is scaled up:
it is proportional to points times sigmas.
"""

import os

os.environ.setdefault("GOMP_SPINCOUNT", "10000")

import numpy as np
import torch
from scipy.special import logsumexp
from sklearn.neighbors import KernelDensity

from benchmarks.measure import interleaved, peak_memory_mib, show
from pipeline.config.parzen import SigmaGrid
from pipeline.evaluation import parzen

SAMPLES, VALID, TEST, DIMS = 10_000, 1_000, 10_000, 784
SIGMAS = SigmaGrid().sigmas()
SIGMA = SIGMAS[2]
FEW = 40  # points for the slow ones
POINT_SIGMAS = VALID * len(SIGMAS) + TEST
ROUNDS = 3


def numpy_differences(points: np.ndarray, samples: np.ndarray, batch: int = 10) -> np.ndarray:
    """The estimate as the paper's script computes it: all differences, a batch of points at a time."""
    scores = []
    for start in range(0, len(points), batch):
        differences = (points[start : start + batch, None] - samples) / SIGMA
        scores.append(logsumexp(-0.5 * (differences**2).sum(axis=2), axis=1))
    return np.concatenate(scores)


def main() -> None:
    # sparse positive pixels, about as MNIST's: mean 0.13
    random = np.random.default_rng(0)
    drawn = random.random((SAMPLES + VALID + TEST, DIMS), dtype=np.float32)
    images = np.where(random.random(drawn.shape) < 0.19, drawn**0.4, 0).astype(np.float32)
    samples, valid, test = np.split(images, [SAMPLES, SAMPLES + VALID])
    tensors = [torch.from_numpy(part) for part in (samples, valid, test)]
    doubles = [part.double() for part in tensors]
    tree = KernelDensity(bandwidth=SIGMA).fit(samples)
    one_leaf = KernelDensity(bandwidth=SIGMA, leaf_size=SAMPLES + 1).fit(samples)

    def products(parts: list[torch.Tensor]) -> None:
        g, v, t = parts
        for points in (v, t):
            for block in points.split(parzen.POINTS_BLOCK):
                block @ g.T

    before = peak_memory_mib()
    ours = interleaved(
        {
            "float32": lambda: parzen.estimate(*tensors, SIGMAS),
            "float64": lambda: parzen.estimate(*doubles, SIGMAS),
            "its matrix products alone, float32": lambda: products(tensors),
            "its matrix products alone, float64": lambda: products(doubles),
        },
        ROUNDS,
    )
    more = peak_memory_mib() - before
    others = interleaved(
        {
            "NumPy, all differences, batches of 10": lambda: numpy_differences(test[:FEW], samples),
            "scikit-learn KernelDensity": lambda: tree.score_samples(test[:FEW]),
            "scikit-learn KernelDensity, one leaf": lambda: one_leaf.score_samples(test[:FEW]),
        },
        ROUNDS,
    )
    whole = ours | {name: seconds * POINT_SIGMAS / FEW for name, seconds in others.items()}
    rows = [(name, f"{s:.2f}", f"{s / ours['float64']:.1f}") for name, s in whole.items()]
    show(
        f"Whole evaluation, {torch.get_num_threads()} threads; ours took {more:.0f} MiB more at its peak",
        ("how", "seconds", "times ours (float64)"),
        rows,
        "parzen",
    )


if __name__ == "__main__":
    main()
