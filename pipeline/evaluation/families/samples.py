"""What is measured and drawn of a model of which little but its samples is known."""

import numpy as np
import torch
from matplotlib.figure import Figure
from torch import Tensor

from pipeline.config.sample import Sample
from pipeline.evaluation import neighbours
from pipeline.evaluation.families import likelihood
from pipeline.evaluation.plots import charts
from pipeline.evaluation.plots import likelihood as plots
from pipeline.evaluation.real_data import some, to_unit
from pipeline.evaluation.theory.quadrature import Mixture

MOST = 2_000  # images of each set, each compared with every training image
interpolation = likelihood.interpolation


def theory(
    saved, sample: Sample, data: dict[str, Tensor], samples: Tensor, mixture: Mixture | None
) -> dict:
    """The content of theory.json: the log-likelihood where there is one, else distances to the training images.

    Test images say how near an image is that the model has not seen; samples that are nearer were copied.
    """
    if saved.likelihood(sample.weights) is not None:
        return likelihood.theory(saved, sample, data, samples, mixture)
    known = to_unit(data["train_images"])
    sets = {"test": some(data["test_images"], MOST), "samples": samples[:MOST]}
    found = {
        name: neighbours.nearest(to_unit(shown), known).double() for name, shown in sets.items()
    }
    high = torch.cat(list(found.values())).max().item()
    edges = torch.linspace(0, max(high, 1e-6), likelihood.BINS + 1).double()
    return {
        "kind": "samples",
        "passes_per_image": saved.passes_per_image,
        **{
            name: {"mean": round(values.mean().item(), 4), "images": len(values)}
            for name, values in found.items()
        },
        "edges": edges.tolist(),
        "histogram": {
            name: np.histogram(values.numpy(), edges.numpy())[0].tolist()
            for name, values in found.items()
        },
        "warnings": [],
    }


def curves(saved, rows: dict[str, np.ndarray], verdict: dict, steps: str) -> Figure:
    """The loss and, where there is one, the gradient's norm."""
    return charts.learning(rows, verdict["verdict"], verdict["reason"], steps)


def theory_figure(content: dict, steps: str) -> Figure:
    """Histograms of what `theory` found."""
    if content["kind"] == "likelihood":
        return likelihood.theory_figure(content, steps)
    return plots.distances(
        content, f"{steps}: distance to the nearest training image; there is no likelihood"
    )
