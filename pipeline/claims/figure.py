"""The figures of the claims, drawn from the numbers of findings."""

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


def overview(numbers: dict[str, Numbers]) -> Figure:
    """A panel for each claim of PANELS; `numbers`: of findings, by claim. What was not run says so."""
    figure = Figure(figsize=(11, 6.6), layout="constrained")
    for axes, (key, (title, draw)) in zip(figure.subplots(2, 3).flat, PANELS.items(), strict=True):
        axes.set_title(title, fontsize=10, loc="left")
        plain(axes)
        if numbers.get(key):
            draw(axes, numbers[key])
            axes.legend(frameon=False, fontsize=7, handlelength=3.5, **PLACES.get(key, {}))
        else:
            axes.text(0.5, 0.5, "not run", ha="center", va="center", color=GREY)
            axes.set(xticks=[], yticks=[])
    return figure


def curve(axes: Axes, index: int, x: list, y: list, label: str, dashes: str = "-") -> None:
    """One of several, each with a colour and a mark of its own."""
    style: dict[str, Any] = {
        "color": COLOURS[index % 8],
        "marker": MARKS[index % 8],
        "linestyle": dashes,
    }
    axes.plot(x, y, markersize=4, label=label.replace("_", " "), **style)


def forgetting(axes: Axes, numbers: Numbers) -> None:
    for index, (name, each) in enumerate(numbers.items()):
        curve(axes, index, each["lags"], each["autocorrelation"], name)
    axes.axhline(0, color=GREY, linewidth=0.8)
    axes.set(xscale="log", xlabel="steps", ylabel="autocorrelation of the class", ylim=(-0.9, 1.05))


def mixing(axes: Axes, numbers: Numbers) -> None:
    for index, (name, levels) in enumerate(numbers.items()):
        x = [float(factor) for factor in levels]
        for key, words, dashes in (("changes", "class changes", "-"), ("copies", "copies", "--")):
            curve(
                axes, index, x, [each[key] for each in levels.values()], f"{name}: {words}", dashes
            )
    axes.set(xlabel="noise, times that of the training", ylabel="share of steps, of images")


def collapse(axes: Axes, numbers: Numbers) -> None:
    by_setting(axes, numbers, "recall")
    axes.set(xlabel="steps of G for each round of D", ylabel="recall")


def by_setting(axes: Axes, numbers: Numbers, key: str) -> None:
    for index, (name, group) in enumerate(numbers.items()):
        curve(axes, index, [float(v) for v in group], [each[key] for each in group.values()], name)
    values = sorted({float(value) for group in numbers.values() for value in group})
    axes.set_xscale("log")
    axes.set_xticks(values, [f"{value:g}" for value in values])
    axes.set_xticks([], minor=True)


def gaps(axes: Axes, numbers: Numbers) -> None:
    by_setting(axes, numbers, "gap")
    axes.set(xlabel="k, steps of D for each of G", ylabel="mean D, training − held out")


def saturating(axes: Axes, numbers: Numbers) -> None:
    for index, (name, losses) in enumerate(numbers.items()):
        for (loss, each), dashes in zip(losses.items(), ("--", "-"), strict=True):
            words = f"{name}: {loss.replace('_', '-')}"
            axes.plot(each["step"], each["norm"], dashes, color=COLOURS[index % 8], label=words)
    axes.set(yscale="log", xlabel="step", ylabel="norm of G's gradient")


def dimensions(axes: Axes, numbers: Numbers) -> None:
    x = [float(dimension) for dimension in numbers]
    curve(
        axes,
        0,
        x,
        [max(each["too_low"], 1e-3) for each in numbers.values()],
        "10,000 windows on a normal law",
    )
    axes.set(xscale="log", yscale="log", xlabel="dimensions", ylabel="nats below the truth")


PLACES: dict[str, dict[str, Any]] = {"no_chain": {"loc": "lower left", "ncols": 2}}  # of legends
PANELS: dict[str, tuple[str, Callable[[Axes, Numbers], None]]] = {
    "no_chain": ("(a) how soon a chain forgets", forgetting),
    "blur_to_mix": ("(b) noise, mixing and copies", mixing),
    "helvetica": ("(c) G trained without D", collapse),
    "inner_loop": ("(d) D overfits", gaps),
    "saturation": ("(e) early gradients of G", saturating),
    "parzen_dimensions": ("(f) Parzen windows by dimension", dimensions),
}


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
