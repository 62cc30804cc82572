"""Plots of the log-likelihoods in theory.json."""

import numpy as np
from matplotlib.figure import Figure

from pipeline.evaluation.plots.figure import GREEN, ORANGE, plain, titled


def histograms(theory: dict, title: str) -> Figure:
    """Of log p(x) of test and of training images, with their means."""
    figure = Figure(figsize=(7, 4), layout="constrained")
    axes = figure.subplots()
    edges = np.array(theory["edges"])
    for name, colour, dashes in (("train", ORANGE, ":"), ("test", GREEN, "-")):
        counts, mean = np.array(theory["histogram"][name]), theory[name]["mean"]
        label = f"{name}, mean {mean:.2f}"
        share = counts / max(1, theory[name]["images"])
        axes.stairs(share, edges, color=colour, linestyle=dashes, linewidth=1.8, label=label)
        axes.axvline(mean, color=colour, linewidth=0.8)
    axes.set(xlabel="log p(x), nats", ylabel="share of images")
    titled(figure, title)
    axes.legend(frameon=False)
    plain(axes)
    return figure
