"""Figure 1: its panels state the theory's claims, in one dimension and in two."""

import io

import numpy as np
import pytest
import torch
from PIL import Image

from pipeline.config.params import Params, load
from pipeline.evaluation.families import gan
from pipeline.evaluation.plots import theory as plots
from pipeline.evaluation.plots.figure import png
from pipeline.evaluation.theory import figure_1, players, points, quadrature
from pipeline.evaluation.theory.quadrature import LOG_4, Mixture, c_of_g, counted_mass, exact_mass
from pipeline.models.gan.observer import is_early
from pipeline.models.gan.saved import Saved
from pipeline.models.gan.training import Training
from pipeline.sources import mixture
from tests.conftest import ROOT

QUICK = load(ROOT / "recipes/quick.yaml")
RING = load(ROOT / "recipes/theory.yaml")
SOURCE = RING.datasets["ring"].source
MEANS = torch.tensor(SOURCE.means)


def played(
    params: Params, name: str, seed: int, steps: int, points: int = 2_000, at_each: bool = False
) -> tuple[Saved, torch.Tensor]:
    """The run `name` up to `steps`, with `points` of its data; and these. `at_each`: a snapshot after
    every step, not only where `train` takes one."""
    source = params.datasets[params.runs[name].dataset].source
    data = torch.from_numpy(mixture.fetch(source).images[:points]).permute(0, 3, 1, 2).contiguous()
    settings = params.runs[name].train
    training = Training(settings, seed, data, torch.device("cpu"))
    training.remember()
    while training.step < steps:
        training.advance()
        grid = training.step % settings.grid_steps == 0
        if at_each or grid or is_early(training.step) or training.step == steps:
            training.remember()
    about = {
        "train": settings.model_dump(mode="json"),
        "seed": seed,
        "image_shape": list(data.shape[1:]),
        "classes": 0,
    }
    return Saved(about, training.weights() | training.snapshots, "model.safetensors"), data


@pytest.mark.parametrize("seed", range(3))
def test_g_moved_along_the_gradient_of_d_has_a_smaller_c(seed: int, monkeypatch):
    """Panels (b) and (c): at D's optimum the gradient of V(D, G) is that of C(G)."""
    monkeypatch.setattr(players, "POINTS", 40_000)
    monkeypatch.setattr(figure_1, "D_STEPS", 300)
    saved, data = played(QUICK, "line", seed, 90)
    source = QUICK.datasets["line"].source
    density = Mixture(torch.tensor(source.means), source.std)
    content = gan.of_points(saved, density, data, averaged=True)
    a, b, c, _ = content["panels"]
    assert a["c"] == b["c"], "the same G"
    assert b["value"] > a["value"], "D was trained on V(D, G)"
    assert b["d_to_optimum"] < a["d_to_optimum"]
    gap = b["c"] + LOG_4
    assert c["c"] + LOG_4 < 0.95 * gap, "a gap that counting in cells does not explain"


@pytest.mark.parametrize(("recipe", "name"), [(QUICK, "line"), (RING, "ring")])
def test_a_critic_is_drawn_as_it_is_and_not_held_against_a_probability(
    recipe: Params, name: str, monkeypatch
):
    monkeypatch.setattr(players, "POINTS", 4_000)
    train = recipe.runs[name].train.model_copy(update={"loss": "hinge"})
    changed = recipe.runs[name].model_copy(update={"train": train})
    params = recipe.model_copy(update={"runs": {name: changed}})
    saved, data = played(params, name, 0, 3)
    source = params.datasets[changed.dataset].source
    density = Mixture(torch.tensor(source.means), source.std)
    content = gan.of_points(saved, density, data, averaged=False)
    assert content["final"].keys() == {"step", "c", "jsd", "c_of_average"}
    assert content["sampled"]["jsd"] == pytest.approx((content["final"]["c"] + LOG_4) / 2)
    assert [panel["title"] for panel in content["panels"]][1] == "step 3, the end"
    middles = quadrature.centres(density.axes).float()[:, :, None, None]
    with torch.no_grad():
        own = saved.discriminator(3)(middles).tolist()
    np.testing.assert_allclose(content["panels"][1]["d"], own, rtol=2e-3, atol=1e-6)
    assert len(png(gan.theory_figure(content, "3 steps"))) > 10_000


class Shift(torch.nn.Module):
    """z -> z + shift: for normal z, p_g is a Gaussian whose distance from the data is known."""

    def __init__(self, shift: float):
        super().__init__()
        self.shift = torch.nn.Parameter(torch.tensor(shift))

    def forward(self, z: torch.Tensor) -> torch.Tensor:
        return (z * 0.1 + self.shift)[:, :, None, None]


class Optimal(torch.nn.Module):
    """D* between N(0, 0.1^2) and N(shift, 0.1^2): its logit is linear in x."""

    def __init__(self, shift: float):
        super().__init__()
        self.shift = shift

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return ((x.flatten() - self.shift) ** 2 - x.flatten() ** 2) / (2 * 0.1**2)


@pytest.mark.parametrize("shift", [0.15, -0.15, 0.05])
def test_at_the_optimal_d_each_step_takes_its_share_of_what_c_lies_above_its_minimum(shift: float):
    noise = players.Noise(
        lambda count, stream: (torch.randn((count, 1), generator=stream),), 0, torch.zeros(1, 1), ""
    )
    data = exact_mass(Mixture(torch.zeros(1, 1), 0.1))

    def c(shift: float) -> float:
        return c_of_g(data, exact_mass(Mixture(torch.full((1, 1), shift), 0.1)))

    above = c(shift) + LOG_4
    reached = figure_1.moved(Shift(shift), Optimal(shift), noise, above).shift.item()
    assert 0 < reached / shift < 1, "towards the data, not beyond"
    first_order = figure_1.G_STEPS * figure_1.G_SHARE
    assert (c(reached) + LOG_4) / above == pytest.approx(1 - first_order, abs=0.2)


def test_a_g_at_the_minimum_stays_there():
    """Nothing is left above -log 4, so there is nothing to step down."""
    noise = players.Noise(
        lambda count, stream: (torch.randn((count, 1), generator=stream),), 0, torch.zeros(1, 1), ""
    )
    assert figure_1.moved(Shift(0.0), Optimal(0.1), noise, above=0.0).shift.item() == 0


@pytest.mark.parametrize(
    ("jsd", "expected"),
    [
        ([0.6, 0.3, 0.06, 0.01, 0.05, 0.002], 2),  # not the oscillation behind
        ([0.6, 0.3, 0.045, 0.2, 0.05], 2),
        ([0.6, 0.3, 0.2, 0.1], 2),  # never so close: the nearest before the end
        ([0.6], 0),
    ],
)
def test_panel_a_is_near_convergence_on_the_way_there(jsd: list[float], expected: int):
    assert figure_1.near_convergence([2 * value - LOG_4 for value in jsd]) == expected


def test_snapshots_are_dense_where_g_moves_fast():
    assert [s for s in range(1, 100) if is_early(s)] == [
        1,
        2,
        3,
        4,
        6,
        8,
        12,
        16,
        24,
        32,
        48,
        64,
        96,
    ]


def final(modes: int) -> dict:
    """Of a G that draws the first `modes` of the ring's eight without a flaw."""
    c = c_of_g(
        exact_mass(Mixture(MEANS, SOURCE.std)), exact_mass(Mixture(MEANS[:modes], SOURCE.std))
    )
    return {"c": c, "c_of_average": None}


def test_a_missing_mode_is_said_and_a_perfect_g_is_not():
    """Without one of eight modes C(G) is -log 4 + 2 JSD with JSD = 0.045 nats."""
    assert final(7)["c"] == pytest.approx(-1.3863 + 2 * 0.0454, abs=2e-3)
    assert list(points.doubts(final(8))) == []
    assert "C(G) ends 0.09 nats above -log 4" in next(points.doubts(final(7)))


def test_a_density_that_is_narrower_than_a_cell_is_said():
    """The JSD of one Gaussian from one twice as wide is 0.093 nats, of which little is left within a cell."""
    for std, jsd, said in ((0.05, 0.093, 0), (0.001, 0.004, 1)):
        narrow, wide = (Mixture(torch.tensor([[0.1]]), width) for width in (std, 2 * std))
        found = (c_of_g(exact_mass(narrow), exact_mass(wide)) + LOG_4) / 2
        assert found == pytest.approx(jsd, abs=1e-3)
        assert len(list(points.too_narrow(narrow))) == said


@pytest.fixture(scope="module")
def ring() -> dict:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(players, "POINTS", 2_000)
        patch.setattr(figure_1, "D_STEPS", 20)
        saved, data = played(RING, "ring", 0, 4, at_each=True)
        return gan.of_points(saved, Mixture(MEANS, SOURCE.std), data, averaged=True)


def test_the_panels_of_two_dimensions_show_data_model_and_d(ring: dict):
    assert ring["axes"] == 2
    assert [panel["title"][:3] for panel in ring["panels"]] == ["(a)", "(b)", "(c)", "(d)"]
    for panel in ring["panels"]:
        assert len(panel["p_data"]) == len(panel["p_g"]) == len(panel["d"])
        assert sum(panel["p_data"]) == pytest.approx(1, abs=1e-3)
    assert ring["warnings"], "four steps are not enough"
    with Image.open(io.BytesIO(png(plots.figure_1(ring, "ring")))) as picture:
        assert picture.size[0] > 1_000
        assert len(picture.convert("RGB").getcolors(1 << 24)) > 100  # a background of D's values


@pytest.mark.parametrize(("averaged", "weights"), [(True, "ema"), (False, "raw")])
def test_the_divergence_told_is_that_of_the_weights_that_are_sampled(
    averaged, weights, monkeypatch
):
    monkeypatch.setattr(players, "POINTS", 2_000)
    monkeypatch.setattr(figure_1, "D_STEPS", 1)
    saved, data = played(QUICK, "line", 0, 3, at_each=True)
    source = QUICK.datasets["line"].source
    density = Mixture(torch.tensor(source.means), source.std)
    found = gan.of_points(saved, density, data, averaged)
    G = saved.generator(weights)
    noise = players.Noise(G.latent, saved.seed, torch.zeros(1, 1), "")
    expected = c_of_g(exact_mass(density), players.mass(G, noise))
    assert found["sampled"]["weights"] == weights
    assert found["sampled"]["c"] == pytest.approx(expected)
    assert found["sampled"]["jsd"] == pytest.approx((expected + LOG_4) / 2)
    assert found["final"]["c"] != found["final"]["c_of_average"]


def test_the_divergence_told_is_that_of_the_samples_that_d_lets_through(monkeypatch):
    monkeypatch.setattr(players, "POINTS", 20_000)
    monkeypatch.setattr(figure_1, "D_STEPS", 1)
    saved, data = played(QUICK, "line", 0, 30)
    source = QUICK.datasets["line"].source
    density = Mixture(torch.tensor(source.means), source.std)
    found = gan.of_points(saved, density, data, averaged=False, accepted=0.5)["sampled"]["c"]
    drawn = saved.accepted_samples("raw", 20_000, 1_000, 0, 0.5)
    kept = torch.cat([points for (points,) in drawn]).flatten(1)
    assert found < gan.of_points(saved, density, data, averaged=False)["sampled"]["c"] - 0.02
    assert found == pytest.approx(c_of_g(exact_mass(density), counted_mass(kept)), abs=0.01)


def test_d_is_not_drawn_where_no_density_has_mass():
    cells = quadrature.CELLS_PER_AXIS[1]
    data = exact_mass(Mixture(torch.tensor([[-0.2], [0.25]]), 0.12))[:-1].numpy()
    panel = {"p_data": data, "p_g": data, "d": np.full(cells, 0.7), "d_to_optimum": 0.2}
    curves = plots.curves(panel)
    far, near = abs(curves["x"]) > 0.9, abs(curves["x"]) < 0.4
    for name, value in (("D", 0.7), ("D*", 0.5)):
        assert np.isnan(curves[name][far]).all()
        assert curves[name][near] == pytest.approx(value)


def test_an_axis_of_noise_that_g_turns_round_is_drawn_turned_round():
    """So that arrows cross only where G folds the line."""
    rising = {"line": "z, uniform", "x": [-0.5, -0.1, 0.1, 0.6]}
    assert plots.left_to_right(rising) == (rising["x"], "z, uniform")
    falling = {"line": "z, uniform", "x": [0.6, 0.1, -0.1, -0.5]}
    assert plots.left_to_right(falling) == (falling["x"][::-1], "z, uniform, from right to left")
