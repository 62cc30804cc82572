"""The figures of the claims, drawn from the numbers of findings."""

import math
import re
from collections.abc import Callable
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from pipeline.claims.finding import Pictures
from pipeline.evaluation.plots.figure import (
    BLACK,
    BLUE,
    GREEN,
    GREY,
    ORANGE,
    PURPLE,
    RED,
    SKY,
    plain,
    titled,
)
from pipeline.evaluation.plots.images import show

COLOURS = (BLUE, ORANGE, GREEN, RED, PURPLE, SKY, BLACK, GREY)
MARKS = ("o", "s", "^", "D", "v", "P", "X", "*")
Numbers = dict[str, Any]
Looks = dict[str, int]  # of each system its place in COLOURS and MARKS


def overview(numbers: dict[str, Numbers]) -> Figure:
    """A panel for each claim of PANELS; `numbers`: of findings, by claim. What was not run says so."""
    figure = Figure(figsize=(11, 6.6), layout="constrained")
    looks = looks_of([list(numbers[key]) for key in BY_SYSTEM if numbers.get(key)])
    for axes, (key, (title, draw)) in zip(figure.subplots(2, 3).flat, PANELS.items(), strict=True):
        axes.set_title(title, fontsize=10, loc="left")
        plain(axes)
        if numbers.get(key):
            draw(axes, numbers[key], looks)
            axes.legend(frameon=False, fontsize=7, handlelength=3.5, **PLACES.get(key, {}))
        else:
            axes.text(0.5, 0.5, "not run", ha="center", va="center", color=GREY)
            axes.set(xticks=[], yticks=[])
    return figure


def looks_of(panels: list[list[str]]) -> Looks:
    """One look for each system in all `panels`, another than those of the systems beside it; grey only if need be."""
    looks: Looks = {}
    for name in dict.fromkeys(name for panel in panels for name in panel):
        beside = {other for panel in panels if name in panel for other in panel}
        taken = {looks[other] for other in beside if other in looks}
        used = [list(looks.values()).count(look) for look in range(len(COLOURS))]
        used[-1] += 1
        free = [look for look in range(len(COLOURS)) if look not in taken]
        looks[name] = min(free or range(len(COLOURS)), key=lambda look: used[look])
    return looks


def words(name: str) -> str:
    """A run's name in a legend: digits_k5 is "digits, k = 5"."""
    return re.sub(r"_k(\d+)(?=_|$)", r", k = \1", name).replace("_", " ")


def curve(axes: Axes, look: int, x: list, y: list, label: str, dashes: str = "-") -> None:
    """One of several, each with a colour and a mark of its own."""
    style: dict[str, Any] = {"color": COLOURS[look], "marker": MARKS[look], "linestyle": dashes}
    axes.plot(x, y, markersize=4, label=label, **style)


def forgetting(axes: Axes, numbers: Numbers, looks: Looks) -> None:
    for name, each in numbers.items():
        curve(axes, looks[name], each["lags"], each["autocorrelation"], words(name))
    axes.axhline(0, color=GREY, linewidth=0.8)
    axes.set(xscale="log", xlabel="steps", ylabel="autocorrelation of the class", ylim=(-0.9, 1.05))


def mixing(axes: Axes, numbers: Numbers, looks: Looks) -> None:
    for name, levels in numbers.items():
        x = [float(factor) for factor in levels]
        for key, what, dashes in (("changes", "class changes", "-"), ("copies", "copies", "--")):
            y = [each[key] for each in levels.values()]
            curve(axes, looks[name], x, y, f"{words(name)}: {what}", dashes)
    axes.set(xlabel="noise, times that of the training", ylabel="share of steps, of images")


def collapse(axes: Axes, numbers: Numbers, looks: Looks) -> None:
    by_setting(axes, numbers, "recall", looks)
    axes.set(xlabel="steps of G for each round of D", ylabel="recall")


def by_setting(axes: Axes, numbers: Numbers, key: str, looks: Looks) -> None:
    for name, group in numbers.items():
        x, y = [float(value) for value in group], [each[key] for each in group.values()]
        curve(axes, looks[name], x, y, words(name))
    values = sorted({float(value) for group in numbers.values() for value in group})
    axes.set_xscale("log")
    axes.set_xticks(values, [f"{value:g}" for value in values])
    axes.set_xticks([], minor=True)


def gaps(axes: Axes, numbers: Numbers, looks: Looks) -> None:
    by_setting(axes, numbers, "gap", looks)
    axes.set(xlabel="k, steps of D for each of G", ylabel="mean D, training − held out")


def saturating(axes: Axes, numbers: Numbers, looks: Looks) -> None:
    for name, losses in numbers.items():
        for (loss, each), dashes in zip(losses.items(), ("--", "-"), strict=True):
            label = f"{words(name)}: {loss.replace('_', '-')}"
            axes.plot(each["step"], each["norm"], dashes, color=COLOURS[looks[name]], label=label)
    axes.set(yscale="log", xlabel="step", ylabel="norm of G's gradient")


def dimensions(axes: Axes, numbers: Numbers, looks: Looks) -> None:
    x = [float(dimension) for dimension in numbers]
    # a logarithm has no place for an estimate that chance put above the truth
    y = [each["too_low"] if each["too_low"] > 0 else math.nan for each in numbers.values()]
    curve(axes, COLOURS.index(GREY), x, y, "10,000 windows on a normal law")
    axes.set(xscale="log", yscale="log", xlabel="dimensions", ylabel="nats below the truth")


PLACES: dict[str, dict[str, Any]] = {"no_chain": {"loc": "lower left", "ncols": 2}}  # of legends
PANELS: dict[str, tuple[str, Callable[[Axes, Numbers, Looks], None]]] = {
    "no_chain": ("(a) how soon a chain forgets", forgetting),
    "blur_to_mix": ("(b) noise, mixing and copies", mixing),
    "helvetica": ("(c) G trained without D", collapse),
    "inner_loop": ("(d) D overfits", gaps),
    "saturation": ("(e) early gradients of G", saturating),
    "parzen_dimensions": ("(f) Parzen windows by dimension", dimensions),
}
BY_SYSTEM = [key for key in PANELS if key != "parzen_dimensions"]  # whose numbers are of systems


def rows_of_images(pictures: Pictures, title: str) -> Figure:
    """A row for each group of images, with a word above each image."""
    columns = max(len(images) for _, images, _ in pictures)
    figure = Figure(figsize=(columns * 0.8 + 1.6, len(pictures) * 0.95 + 0.5), layout="constrained")
    titled(figure, title)
    grid = figure.subplots(len(pictures), columns, squeeze=False)
    for row, (name, images, words) in enumerate(pictures):
        for column, (image, word) in enumerate(zip(images, words, strict=True)):
            show(grid[row, column], image.numpy())
            grid[row, column].set_title(word, fontsize=8, pad=2)
        grid[row, 0].set_ylabel(name, fontsize=8, rotation=0, ha="right", va="center")
    return figure
