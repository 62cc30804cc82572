"""parzen R: the paper's log-likelihood of the test set, beside that of real data."""

import sys
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from pipeline.config.parzen import Parzen
from pipeline.errors import DataError
from pipeline.evaluation import parzen
from pipeline.files import read_array, write_json
from pipeline.tensors import read_tensors


def run(settings: Parzen, threads: int, samples: Path, data: Path, out: Path) -> None:
    torch.set_num_threads(threads)
    tensors = read_tensors(data, ["train_images", "valid_images", "test_images"])
    generated = torch.from_numpy(np.array(read_array(samples)))
    valid, test = tensors["valid_images"], tensors["test_images"]
    if settings.validation_images > len(valid):
        raise DataError(
            f"parzen.validation_images is {settings.validation_images:,}, but {data} has {len(valid):,}"
        )
    real = tensors["train_images"][
        real_rows(len(tensors["train_images"]), settings.real_data_images)
    ]
    write_json(
        out,
        evaluate(
            settings,
            to_unit(generated),
            to_unit(valid[: settings.validation_images]),
            to_unit(test[: settings.test_images]),
            to_unit(real),
        ),
    )


def real_rows(count: int, chosen: int) -> Tensor:
    """Which of `count` training images draw the real-data line: the same for every run."""
    return torch.from_numpy(np.random.RandomState(0).permutation(count)[:chosen])


def to_unit(images: Tensor) -> Tensor:
    """[N, ...] in [-1, 1] -> [N, D] in [0, 1]: the scale on which the paper's numbers were measured."""
    return (images.flatten(1) + 1) / 2


def evaluate(
    settings: Parzen, samples_ND: Tensor, valid_MD: Tensor, test_MD: Tensor, real_ND: Tensor
) -> dict:
    """The content of parzen.json; pixels in [0, 1]. An empty `real_ND` leaves the real-data line out."""
    dtype = getattr(torch, settings.precision)
    sigmas = settings.sigma_grid.sigmas()
    valid_MD, test_MD = valid_MD.to(dtype), test_MD.to(dtype)
    score = parzen.estimate(samples_ND, valid_MD, test_MD, sigmas)
    real = parzen.estimate(real_ND, valid_MD, test_MD, sigmas) if len(real_ND) else None
    warnings = list(doubts(score, real, sigmas, len(samples_ND)))
    for warning in warnings:
        print(f"parzen: warning: {warning}", file=sys.stderr)
    return {
        "log_likelihood": line(score),
        "sigma": round(score.sigma, 6),
        "sigma_grid": [round(sigma, 6) for sigma in sigmas],
        "validation": [
            {"sigma": round(sigma, 6), "log_likelihood": round(value, 4)}
            for sigma, value in zip(sigmas, score.validation, strict=True)
        ],
        "n_samples": len(samples_ND),
        "n_test": len(test_MD),
        "real_data": {**line(real), "sigma": round(real.sigma, 6)} if real else None,
        "warnings": warnings,
    }


def line(score: parzen.Estimate) -> dict[str, float]:
    return {"mean": round(score.mean, 4), "standard_error": round(score.standard_error, 4)}


def doubts(
    score: parzen.Estimate, real: parzen.Estimate | None, sigmas: list[float], n_samples: int
):
    """Reasons not to take the number at face value."""
    if score.at_edge(sigmas):
        yield f"the best sigma {score.sigma:.4g} is on the grid's edge; widen parzen.sigma_grid"
    if real and score.mean > real.mean:
        yield (
            f"{score.mean:.1f} lies above the real-data line {real.mean:.1f}: blurred samples score "
            "higher than real images, so more is not better here"
        )
    if n_samples < 10_000:
        yield f"{n_samples:,} samples; published numbers use 10,000, and fewer score lower"
