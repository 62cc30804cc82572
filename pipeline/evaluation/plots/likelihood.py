"""Plots of the log-likelihoods, or of the distances, in theory.json."""

import numpy as np
from matplotlib.figure import Figure

from pipeline.evaluation.plots.figure import GENERATED, GREEN, ORANGE, REAL, plain, titled


def histograms(theory: dict, title: str) -> Figure:
    """Of log p(x) of test and of training images, with their means."""
    sets = {"train": (ORANGE, ":"), "test": (GREEN, "-")}
    return drawn(theory, sets, "log p(x), nats", title)


def distances(theory: dict, title: str) -> Figure:
    """Of the distances of samples and of test images to the nearest training image."""
    sets = {"test": (REAL, "-"), "samples": (GENERATED, "--")}
    return drawn(theory, sets, "Euclidean distance, pixels in [0, 1]", title)


def drawn(theory: dict, sets: dict[str, tuple[str, str]], what: str, title: str) -> Figure:
    """Histograms of `sets`, a colour and dashes for each, over `what`."""
    figure = Figure(figsize=(7, 4), layout="constrained")
    axes = figure.subplots()
    edges = np.array(theory["edges"])
    for name, (colour, dashes) in sets.items():
        counts, mean = np.array(theory["histogram"][name]), theory[name]["mean"]
        label = f"{name}, mean {mean:.2f}"
        share = counts / max(1, theory[name]["images"])
        axes.stairs(share, edges, color=colour, linestyle=dashes, linewidth=1.8, label=label)
        axes.axvline(mean, color=colour, linewidth=0.8)
    axes.set(xlabel=what, ylabel="share of images")
    titled(figure, title)
    axes.legend(frameon=False)
    plain(axes)
    return figure
