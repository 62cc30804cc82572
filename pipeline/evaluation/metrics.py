"""Distances between generated and real images, and measures of diversity.

FID, KID and the Inception-style score come from torch-fidelity: maintained, offline, and it accepts
features. Its order is (generated, real). Density and coverage are in no maintained library (prdc, of
2020, holds several N x N matrices at once and prints), so they are computed here in blocks, and precision
and recall with them: the same distances, a fifth of torch-fidelity's time. The tests compare
them with prdc and with torch-fidelity.
"""

from dataclasses import dataclass

from torch import Tensor
from torch_fidelity.metric_fid import fid_features_to_statistics, fid_statistics_to_metric
from torch_fidelity.metric_isc import isc_features_to_metric
from torch_fidelity.metric_kid import kid_features_to_metric

from pipeline.evaluation import neighbours
from pipeline.evaluation.real_data import some

# Shapes: N generated, M real, F features, K classes, P pixels.
NEIGHBOURS = 5  # k of precision, recall, density and coverage
NEIGHBOUR_POINTS = 10_000  # at most, of each side: the cost grows with their product
KID_SUBSETS, KID_SUBSET_SIZE = 50, 1_000
SPLIT_SIZE = 500  # the score is the mean over up to 10 parts of at least this many images
LOWEST_LOG = 700.0  # nats below the most probable class; float64 has no probabilities below e^-745


@dataclass(frozen=True)
class Seen:
    """What an extractor gives for N images."""

    features_NF: Tensor  # float64
    logits_NK: Tensor | None


def distances(fake: Seen, real: Seen, seed: int) -> dict[str, float]:
    """fid, kid (with its standard deviation over subsets): 0 is best; kid may fall just below 0."""
    statistics = [fid_features_to_statistics(side.features_NF) for side in (fake, real)]
    if fake.features_NF.shape[1] == 1:  # NumPy gives the covariance of one feature without axes
        statistics = [{**s, "sigma": s["sigma"].reshape(1, 1)} for s in statistics]
    fid = fid_statistics_to_metric(*statistics, verbose=False)["frechet_inception_distance"]
    kid = kid_features_to_metric(
        fake.features_NF,
        real.features_NF,
        kid_subsets=KID_SUBSETS,
        kid_subset_size=min(KID_SUBSET_SIZE, len(fake.features_NF), len(real.features_NF)),
        rng_seed=seed,
        verbose=False,
    )
    return {
        "fid": fid,
        "kid": kid["kernel_inception_distance_mean"],
        "kid_std": kid["kernel_inception_distance_std"],
    }


def inception_score(fake: Seen, seed: int) -> float | None:
    """exp E KL(p(y|x) || p(y)): 1 is worst, the number of classes is best; None without classes."""
    if fake.logits_NK is None:
        return None
    splits = min(10, max(1, len(fake.logits_NK) // SPLIT_SIZE))
    # a class that is never probable has p(y) = 0, and 0 log 0 is no number there
    logits_NK = fake.logits_NK.maximum(fake.logits_NK.amax(dim=1, keepdim=True) - LOWEST_LOG)
    return isc_features_to_metric(logits_NK, splits, True, seed)["inception_score_mean"]


def neighbour_points(n_fake: int, n_real: int) -> int:
    """Number of points of each side for neighbour-based measures."""
    return min(n_fake, n_real, NEIGHBOUR_POINTS)


def manifolds(fake: Seen, real: Seen) -> dict[str, float]:
    """precision, recall, density, coverage by the k-th nearest neighbour, as many points on each side.

    precision, density: is what was generated realistic? recall, coverage: is what is real generated?
    Real points are chosen at random if there are more than are compared; samples are the first ones.
    """
    count = neighbour_points(len(fake.features_NF), len(real.features_NF))
    fake_NF, real_MF = fake.features_NF[:count], some(real.features_NF, count)
    return neighbours.overlap(fake_NF, real_MF, NEIGHBOURS)


def class_shares(logits_NK: Tensor) -> Tensor:
    """[K], sums to 1: the share of images that the extractor assigns to each class."""
    counts = logits_NK.argmax(dim=1).bincount(minlength=logits_NK.shape[1])
    return counts.double() / counts.sum()


def classes(fake: Seen, real: Seen) -> dict[str, float | int | list[float] | None]:
    """classes_hit: number that are drawn, with at least a tenth of their real share; classes_missing: number with less,
    of those that are real; class_distance: total variation, 0..1."""
    if fake.logits_NK is None or real.logits_NK is None:
        names = ("classes_hit", "classes_missing", "class_distance", "class_shares")
        return dict.fromkeys(names)
    fake_K, real_K = class_shares(fake.logits_NK), class_shares(real.logits_NK)
    enough_K = fake_K >= real_K / 10
    return {
        "classes_hit": int((enough_K & (fake_K > 0)).sum()),
        "classes_missing": int((~enough_K).sum()),
        "class_distance": (fake_K - real_K).abs().sum().item() / 2,
        "class_shares": [round(share, 4) for share in fake_K.tolist()],
    }
