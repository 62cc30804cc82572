"""The figure of the claims says what its numbers say."""

from matplotlib.axes import Axes

from pipeline.claims import figure

CHAIN = {"lags": [1, 10], "autocorrelation": [0.9, 0.1]}
LEVELS = {"0.1": {"changes": 0.1, "copies": 0.0}, "1.0": {"changes": 0.4, "copies": 0.0}}
LOSSES = {loss: {"step": [1, 2], "norm": [1.0, 2.0]} for loss in ("minimax", "non_saturating")}


def lines(axes: Axes) -> dict[str, tuple[str, list[float]]]:
    """Label -> colour and heights."""
    return {
        str(line.get_label()): (str(line.get_color()), [float(y) for y in line.get_ydata()])  # type: ignore[arg-type,union-attr]
        for line in axes.get_lines()
    }


def test_a_system_has_one_colour_in_all_panels_and_words_for_its_name():
    panels = figure.overview(
        {
            "no_chain": dict.fromkeys(("net", "rbm", "deep_gsn", "cae"), CHAIN),
            "blur_to_mix": dict.fromkeys(("cae", "deep_gsn"), LEVELS),
            "saturation": dict.fromkeys(("digits_k5", "digits"), LOSSES),
        }
    ).get_axes()
    chains, noise, early = (lines(panels[index]) for index in (0, 1, 4))
    for name in ("cae", "deep gsn"):
        assert chains[name][0] == noise[f"{name}: copies"][0] == noise[f"{name}: class changes"][0]
    assert len({chains[name][0] for name in ("net", "rbm", "deep gsn", "cae")}) == 4
    assert early["digits, k = 5: minimax"][0] == early["digits, k = 5: non-saturating"][0]
    assert early["digits, k = 5: minimax"][0] != early["digits: minimax"][0]


def test_systems_of_one_panel_differ_as_long_as_there_are_colours():
    looks = figure.looks_of([["a", "b"], ["c", "b"], [*"dbefghij"]])
    assert len({looks[name] for name in "dbefghij"}) == 8
    assert looks["a"] != looks["b"] != looks["c"]


def test_nats_are_drawn_as_they_are_and_none_where_there_is_no_logarithm():
    numbers = {"1": {"too_low": 4e-4}, "2": {"too_low": -1e-3}, "10": {"too_low": 0.3}}
    _, heights = next(
        iter(lines(figure.overview({"parzen_dimensions": numbers}).get_axes()[5]).values())
    )
    assert [heights[0], heights[2]] == [4e-4, 0.3]
    assert heights[1] != heights[1]
