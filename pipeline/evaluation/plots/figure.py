"""What all figures share: colours, titles that fit, PNG and PDF bytes that are the same each time.

Colours are Okabe and Ito's, which people with any kind of colour vision tell apart; lines differ in
their dashes, too.
"""

import io
import textwrap

import matplotlib
from matplotlib.axes import Axes
from matplotlib.figure import Figure

BLUE, ORANGE, GREEN, RED, PURPLE, SKY, GREY, BLACK = (
    "#0072B2",
    "#E69F00",
    "#009E73",
    "#D55E00",
    "#CC79A7",
    "#56B4E9",
    "#999999",
    "#000000",
)
REAL, GENERATED = GREEN, BLUE
DPI = 150
LETTER_EM = 0.68  # width of a bold letter of DejaVu Sans over its size; most are narrower


def png(figure: Figure) -> bytes:
    """The figure as PNG bytes, the same each time, without Matplotlib's version in them."""
    buffer = io.BytesIO()
    laid_out(figure).savefig(buffer, format="png", dpi=DPI, metadata={"Software": None})
    return buffer.getvalue()


def pdf(figure: Figure) -> bytes:
    """The figure as PDF bytes, the same each time; letters are TrueType, as journals ask."""
    buffer = io.BytesIO()
    nothing = dict.fromkeys(("Creator", "Producer", "CreationDate"))
    with matplotlib.rc_context({"pdf.fonttype": 42}):
        laid_out(figure).savefig(buffer, format="pdf", metadata=nothing)
    return buffer.getvalue()


def laid_out(figure: Figure) -> Figure:
    """`figure` with every panel at its place, to six decimals: equal layouts differ by 1e-16, enough to move
    a line by a pixel."""
    figure.draw_without_rendering()
    figure.set_layout_engine("none")
    for axes in figure.get_axes():
        bounds = axes.get_position(original=True).bounds
        axes.set_position([round(bound, 6) for bound in bounds])  # type: ignore[arg-type]
    return figure


def titled(figure: Figure, title: str, size: float = 10, **style) -> None:
    """Write `title` above the whole figure, its lines broken where they would be cut off."""
    figure.suptitle(fitting(title, figure.get_figwidth(), size), fontsize=size, **style)


def fitting(text: str, inches: float, size: float) -> str:
    """`text` in lines of at most `inches` in letters of `size` points."""
    letters = int(inches * 72 / (size * LETTER_EM))
    return "\n".join(
        part for line in text.split("\n") for part in textwrap.wrap(line, letters) or [""]
    )


def plain(axes: Axes) -> None:
    """Hide the top and right border, in place."""
    axes.spines[["top", "right"]].set_visible(False)
