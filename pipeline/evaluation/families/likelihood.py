"""What is measured and drawn of a model with a likelihood, beside its samples."""

import math

import numpy as np
import torch
from matplotlib.figure import Figure
from torch import Tensor

from pipeline.config.sample import Sample
from pipeline.errors import DataError
from pipeline.evaluation.plots import charts, images
from pipeline.evaluation.plots import likelihood as plots
from pipeline.evaluation.theory.quadrature import Mixture
from pipeline.models.common.likelihood import bits_per_pixel

MOST = 10_000  # images of each set
BINS = 60  # of the histograms


def theory(
    saved, sample: Sample, data: dict[str, Tensor], samples: Tensor, mixture: Mixture | None
) -> dict:
    """The content of theory.json: log-likelihoods in nats of the test images and of as many training images.

    A training set that is much more likely than the test set was learned by heart. DataError if any image has no finite
    log-likelihood.
    """
    likelihood = saved.likelihood(sample.weights)
    pixels = math.prod(saved.image_shape)
    test = data["test_images"][:MOST]
    sets = {"test": test, "train": data["train_images"][: len(test)]}
    found = {name: likelihood.of(shown, name).double() for name, shown in sets.items()}
    check_finite(found)
    edges = edges_of(torch.cat(list(found.values())))
    return {
        "kind": "likelihood",
        "likelihood": {"kind": likelihood.kind, "data": likelihood.data, "how": likelihood.how},
        **{name: line(values) for name, values in found.items()},
        "error": likelihood.error,
        "bits_per_pixel": round(
            bits_per_pixel(found["test"].mean().item(), pixels, likelihood.data), 4
        ),
        "passes_per_image": saved.passes_per_image,
        **likelihood.more,
        **(likelihood.measure(test) if likelihood.measure else {}),
        "edges": edges.tolist(),
        "histogram": {
            name: np.histogram(values.numpy(), edges.numpy())[0].tolist()
            for name, values in found.items()
        },
        "warnings": [],
    }


def line(values_N: Tensor) -> dict[str, float]:
    """Mean over images and its standard error, in nats."""
    error = values_N.std(correction=0) / math.sqrt(len(values_N))
    return {
        "mean": round(values_N.mean().item(), 4),
        "standard_error": round(error.item(), 4),
        "images": len(values_N),
    }


def edges_of(values_N: Tensor) -> Tensor:
    """Edges of BINS bins over all but the most extreme values; those fall out of the picture."""
    low, high = values_N.quantile(0.001), values_N.quantile(0.999)
    return torch.linspace(low.item(), max(high.item(), low.item() + 1e-6), BINS + 1).double()


def check_finite(found: dict[str, Tensor]) -> None:
    """DataError unless all log-likelihoods are finite: without one of them there is no mean."""
    for name, values in found.items():
        if lost := int((~values.isfinite()).sum()):
            raise DataError(
                f"{lost:,} of {len(values):,} {name} images have no finite log-likelihood under this model, so there is no "
                "mean. Its training has diverged: lower its learning rate"
            )


def curves(saved, rows: dict[str, np.ndarray], verdict: dict, steps: str) -> Figure:
    """The loss and the gradient's norm."""
    return charts.learning(rows, verdict["verdict"], verdict["reason"], steps)


def theory_figure(content: dict, steps: str) -> Figure:
    """Histograms of the log-likelihood."""
    of, test = content["likelihood"], content["test"]
    error = f" ± {content['error']:.2g}" if content["error"] else ""
    return plots.histograms(
        content,
        f"{steps}: log p of {of['data']} test images, {of['kind']}, {test['mean']:.2f}{error} nats\n"
        f"{of['how']}; {content['bits_per_pixel']:.3f} bits per pixel",
    )


def interpolation(saved, weights: str, path: str, test: Tensor, steps: str) -> Figure:
    """The model along the paths that its kind has."""
    walk = saved.walk(weights, test)
    names = [chr(ord("a") + row) for row in range(len(walk.images_RSCHW))]
    return images.strips(walk.images_RSCHW.numpy(), names, f"{steps}: {walk.what}")
