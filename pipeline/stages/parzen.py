"""parzen R: the paper's log-likelihood of the test set, beside that of real data."""

import math
import sys
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from pipeline.compute import devices
from pipeline.config.parzen import Parzen
from pipeline.errors import DataError
from pipeline.evaluation import parzen
from pipeline.evaluation.real_data import DIVERGED, chosen_rows, to_unit
from pipeline.io.arrays import Rows, read_shards
from pipeline.io.files import write_json
from pipeline.io.tensors import read_about, read_tensors, tensor_names
from pipeline.io.views import read_views

VALID, TEST = 2, 3  # values of `folds`; see sources/raw.py


@dataclass(frozen=True)
class Pixels:
    """Images that stay in their files: parts of them are read and brought to [0, 1] when needed."""

    array: np.ndarray | Rows
    low: float = -1.0
    high: float = 1.0
    bounded: bool = True  # values beyond low and high are a mistake
    most: int | None = None  # use only the first `most` images; None: all

    def __len__(self) -> int:
        return len(self.array) if self.most is None else min(self.most, len(self.array))

    def first(self, count: int | None) -> "Pixels":
        """The same images, limited to the first `count`; None: all."""
        return replace(self, most=count)

    def parts(self, count: int) -> Iterator[np.ndarray]:
        """The stored values, `count` images at a time."""
        for start in range(0, len(self), count):
            yield self.array[start : min(start + count, len(self))]

    def split(self, count: int) -> Iterator[Tensor]:
        """[count, D] in [0, 1], floating-point; the last part may be shorter."""
        for part in self.parts(count):
            if not np.issubdtype(part.dtype, np.floating):
                part = part.astype(np.float64)
            yield (torch.from_numpy(part).flatten(1) - self.low) / (self.high - self.low)

    def tensor(self) -> Tensor:
        """All of them, [N, D]."""
        return torch.cat(list(self.split(len(self))))

    def extent(self) -> tuple[float, float]:
        """Smallest and largest stored value; NaN if any value is NaN."""
        ends = [(part.min(), part.max()) for part in self.parts(parzen.SAMPLES_BLOCK)]
        return float(np.min(ends)), float(np.max(ends))


def run(
    name: str,
    settings: Parzen,
    threads: int,
    samples: Path,
    views: Path,
    data: Path,
    out: Path,
) -> None:
    """Write the estimate for `samples` of run `name`, with sigma chosen on `data`'s validation images, to `out`.

    `views`: the folder of other ways to look at the same model's samples; each gets its estimate, too.
    """
    devices.reproducible(threads)
    tensors = read_tensors(data, ["train_images", "valid_images", "test_images"])
    valid, test = tensors["valid_images"], tensors["test_images"]
    folds = "folds" in tensor_names(data)
    asked_for = "validation_images" in settings.model_fields_set
    if asked_for and settings.validation_images > len(valid) and not folds:
        raise DataError(
            f"parzen.validation_images is {settings.validation_images:,}, but {data} has {len(valid):,}"
        )
    real = tensors["train_images"][
        chosen_rows(len(tensors["train_images"]), settings.real_data_images)
    ]
    contrast_normalized = "gcn" in read_about(data)
    folded = read_tensors(data, ["fold_images", "folds"]) if folds else {}

    def estimate(path: Path, settings: Parzen, real_ND: Tensor) -> dict:
        counted = finite(path, Pixels(read_shards(path), bounded=not contrast_normalized))
        if folded:
            images_ND = to_unit(folded["fold_images"])
            return over_folds(settings, counted, images_ND, folded["folds"], real_ND)
        return evaluate(
            settings,
            counted,
            to_unit(valid[: settings.validation_images]),
            to_unit(test[: settings.test_images]),
            real_ND,
        )

    result = estimate(samples, settings, to_unit(real))
    others = read_views(views)
    brief = settings.model_copy(update={"fine": False})
    result["view"] = others.main
    result["views"] = {
        view: {key: estimated[key] for key in ("log_likelihood", "sigma", "warnings")}
        for view, path in others.paths.items()
        for estimated in [estimate(path, brief, to_unit(real[:0]))]
    }
    if contrast_normalized:
        result["warnings"].append(
            "the images are contrast-normalised, so this number stands beside others of such images only"
        )
    say(f"parzen {name}", result)
    for view, estimated in result["views"].items():
        say(f"parzen {name}, {view}", estimated)
    write_json(out, result)


def say(of: str, result: dict) -> None:
    """The warnings of `result` on stderr, each with `of` before it."""
    for warning in result["warnings"]:
        print(f"{of}: warning: {warning}", file=sys.stderr)


def finite(path: Path, pixels: Pixels) -> Pixels:
    """`pixels`; DataError if any value is NaN, infinite or huge."""
    if not (np.abs(pixels.extent()) < DIVERGED).all():
        raise DataError(
            f"{path}: holds NaN, infinite or huge values; nothing can be measured on them. If it is a run's, "
            "its training has diverged: lower the learning rates"
        )
    return pixels


def evaluate(
    settings: Parzen, samples: Pixels, valid_MD: Tensor, test_MD: Tensor, real_ND: Tensor
) -> dict:
    """The content of parzen.json; pixels in [0, 1], log-likelihoods in nats.

    An empty `real_ND` leaves the real-data line out.
    """
    dtype = getattr(torch, settings.precision)
    sigmas = settings.sigma_grid.sigmas()
    valid_MD, test_MD = valid_MD.to(dtype), test_MD.to(dtype)
    counted = samples.first(settings.samples)
    score = parzen.estimate(counted, valid_MD, test_MD, sigmas)
    real = parzen.estimate(real_ND, valid_MD, test_MD, sigmas) if len(real_ND) else None
    warnings = list(doubts(score, real, sigmas, counted, len(real_ND)))
    refined = None
    if settings.fine:
        widths = settings.sigma_grid.around(score.sigma)
        finest = parzen.estimate(samples, valid_MD, test_MD, widths)
        refined = fine(finest, widths, len(samples))
        warnings += fine_doubts(finest, widths)
    return {
        "log_likelihood": line(score),
        "sigma": round(score.sigma, 6),
        "sigma_grid": [round(sigma, 6) for sigma in sigmas],
        "validation": curve(score, sigmas),
        "n_samples": len(counted),
        "n_test": len(test_MD),
        "real_data": {**line(real), "sigma": round(real.sigma, 6)} if real else None,
        "fine": refined,
        "warnings": warnings,
    }


def over_folds(
    settings: Parzen, samples: Pixels, images_ND: Tensor, folds_NF: Tensor, real_ND: Tensor
) -> dict:
    """Table 1's protocol for TFD: sigma chosen on each fold's validation images, all of them, and its
    test images scored; the mean over folds, and the standard error across them, deviation / sqrt(F)."""
    each = [
        evaluate(settings, samples, images_ND[fold_N == VALID], images_ND[fold_N == TEST], real_ND)
        for fold_N in folds_NF.T
    ]

    def across(part: str) -> dict[str, float] | None:
        if each[0][part] is None:
            return None
        means = np.array([one[part]["mean"] for one in each])
        error = means.std() / math.sqrt(len(means))
        return {"mean": round(means.mean(), 4), "standard_error": round(error, 4)}

    first = each[0]
    return {
        **first,
        **{
            part: across(part) and {**first[part], **across(part)}  # type: ignore[dict-item]
            for part in ("log_likelihood", "real_data", "fine")
        },
        "n_test": sum(one["n_test"] for one in each),
        "folds": [
            {**one["log_likelihood"], "sigma": one["sigma"], "n_test": one["n_test"]}
            for one in each
        ],
        "warnings": list(dict.fromkeys(w for one in each for w in one["warnings"])),
    }


def fine(score: parzen.Estimate, sigmas: list[float], n_samples: int) -> dict:
    """The refined estimate: all samples, sigma from the fine grid around the coarse grid's best."""
    return {
        **line(score),
        "sigma": round(score.sigma, 6),
        "n_samples": n_samples,
        "validation": curve(score, sigmas),
    }


def fine_doubts(score: parzen.Estimate, sigmas: list[float]):
    """A warning if the refined sigma is at the edge of its search, so that a better one may lie outside."""
    if score.at_edge(sigmas):
        yield (
            f"the best sigma of `fine`, {score.sigma:.4g}, is on the edge of the widths searched, "
            f"{sigmas[0]:.4g} to {sigmas[-1]:.4g}: a better one may lie outside; widen or move "
            "parzen.sigma_grid"
        )


def curve(score: parzen.Estimate, sigmas: list[float]) -> list[dict[str, float]]:
    """Mean log-likelihood of the validation images, in nats, by sigma."""
    return [
        {"sigma": round(sigma, 6), "log_likelihood": round(value, 4)}
        for sigma, value in zip(sigmas, score.validation, strict=True)
    ]


def line(score: parzen.Estimate) -> dict[str, float]:
    """Mean and standard error over test images, in nats, to 4 decimals."""
    return {"mean": round(score.mean, 4), "standard_error": round(score.standard_error, 4)}


def doubts(
    score: parzen.Estimate,
    real: parzen.Estimate | None,
    sigmas: list[float],
    samples: Pixels,
    n_real: int,
):
    """Reasons not to take the number at face value. `n_real`: images of the real-data line."""
    if score.at_edge(sigmas):
        yield f"the best sigma {score.sigma:.4g} is on the grid's edge; widen parzen.sigma_grid"
    if real and score.mean > real.mean:
        fewer = f", and so does a larger number of them ({len(samples):,} of {n_real:,} images)"
        yield (
            f"{score.mean:.4g} lies above the real-data line {real.mean:.4g}: blurred samples score "
            f"higher than real images{fewer if len(samples) > n_real else ''}, so more is not better here"
        )
    if len(samples) < 10_000:
        yield f"{len(samples):,} samples; published numbers use 10,000, and fewer score lower"
    smallest, largest = samples.extent()
    margin = 0.01 * (samples.high - samples.low)
    outside = smallest < samples.low - margin or largest > samples.high + margin
    if samples.bounded and outside:
        yield (
            f"samples span {smallest:.3g} to {largest:.3g}, expected {samples.low:g} to "
            f"{samples.high:g}: is the generator's output in another range?"
        )
    if smallest == largest:
        yield "all samples are the same: the generator has collapsed to one point"
