"""Section 4 of the paper on the default run of points, trained to its end."""

import pytest
import torch

from pipeline.config.params import load
from pipeline.evaluation.families import gan
from pipeline.evaluation.theory.quadrature import Mixture
from tests.conftest import ROOT
from tests.evaluation.theory.test_figure_1 import played

LINE = load(ROOT / "params.yaml")


@pytest.fixture(scope="module")
def line() -> dict:
    """theory.json of the run."""
    torch.set_num_threads(1)
    source = LINE.datasets["line"].source
    saved, data = played(LINE, "line", 0, LINE.runs["line"].train.steps, points=source.train_points)
    density = Mixture(torch.tensor(source.means), source.std)
    return gan.of_points(saved, density, data, averaged=True)


def test_c_of_g_falls_to_minus_log_4_and_d_to_one_half(line):
    """Theorem 1; the bounds are several times what the run reaches."""
    first, last = line["over_training"][0], line["final"]
    assert first["c"] > -1.2
    assert last["c"] == pytest.approx(line["minus_log_4"], abs=0.02)
    assert line["sampled"]["c"] == pytest.approx(line["minus_log_4"], abs=0.02)
    assert last["d_to_half"] < 0.03
    assert line["floor"] == pytest.approx(line["minus_log_4"], abs=1e-3)


def test_no_d_is_worth_more_than_the_optimal_one(line):
    for moment in line["over_training"] + line["panels"]:
        assert moment["value"] <= moment["c"] + 2e-3  # D is taken at the middles of cells


def test_figure_1_shows_d_at_its_optimum_and_g_moved_along_its_gradient(line):
    early, best, moved, end = line["panels"]
    assert 0.02 < early["jsd"] < 0.12, "near convergence"
    assert best["d_to_optimum"] < early["d_to_optimum"]
    assert best["c"] == early["c"]
    assert moved["jsd"] < 0.95 * best["jsd"]
    assert end["jsd"] < moved["jsd"]
    assert len(early["arrows"]["x"]) == gan.ARROWS
