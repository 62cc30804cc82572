import pytest
from matplotlib.figure import Figure

from pipeline.evaluation.plots import charts


def test_a_figures_layout_has_six_decimals():
    """Constrained layout adds in an order that depends on addresses in memory: positions differed by 1e-16,
    which moved lines of every second Figure 1 by a pixel. So equal figures were of different bytes."""
    figure = Figure(figsize=(6, 4), layout="constrained")
    upper, lower = figure.subfigures(2, 1, height_ratios=(1.35, 1))
    for axes in (*upper.subplots(2, 4, sharex=True, sharey="row").flat, *lower.subplots(1, 2)):
        axes.plot([0, 1], [0, 1])
    charts.png(figure)
    bounds = [bound for axes in figure.get_axes() for bound in axes.get_position().bounds]
    assert len(bounds) == 40
    assert bounds == pytest.approx([round(bound, 6) for bound in bounds], rel=0, abs=1e-12)
