"""Points in two dimensions: modes that G misses, and the panels that show them."""

import io

import pytest
import torch
from PIL import Image

from pipeline.config.params import load
from pipeline.evaluation.plots import theory as theory_plots
from pipeline.evaluation.theory.quadrature import Mixture, c_of_g, exact_mass
from pipeline.io.tensors import write_model
from pipeline.models.gan.training import Training
from pipeline.sources import mixture
from pipeline.stages import theory
from tests.conftest import ROOT

RECIPE = load(ROOT / "recipes/theory.yaml")
SOURCE = RECIPE.datasets["ring"].source
MEANS = torch.tensor(SOURCE.means)


def final(modes: int) -> dict:
    """Of a G that draws the first `modes` of the ring's eight without a flaw."""
    c = c_of_g(
        exact_mass(Mixture(MEANS, SOURCE.std)), exact_mass(Mixture(MEANS[:modes], SOURCE.std))
    )
    return {"c": c, "c_of_average": None}


def test_a_missing_mode_is_said_and_a_perfect_g_is_not():
    """Without one of eight modes C(G) is -log 4 + 2 JSD with JSD = 0.045 nats."""
    assert final(7)["c"] == pytest.approx(-1.3863 + 2 * 0.0454, abs=2e-3)
    assert list(theory.doubts(final(8))) == []
    assert "C(G) ends 0.09 nats above -log 4" in next(theory.doubts(final(7)))


def test_the_panels_of_two_dimensions_show_data_model_and_d(tmp_path, monkeypatch):
    for name, value in (("POINTS", 2_000), ("OPTIMUM_STEPS", 20)):
        monkeypatch.setattr(theory, name, value)
    settings = RECIPE.runs["ring"].train.model_copy(update={"steps": 4})
    points = torch.from_numpy(mixture.fetch(SOURCE).images[:2_000]).permute(0, 3, 1, 2)
    training = Training(settings, 0, points, torch.device("cpu"))
    for _ in range(4):
        training.remember()
        training.advance()
    model = tmp_path / "model.safetensors"
    about = {
        "train": settings.model_dump(mode="json"),
        "seed": 0,
        "image_shape": [2, 1, 1],
        "classes": 8,
    }
    write_model(model, training.weights() | training.snapshots, about)
    density = {"means": MEANS, "std": torch.tensor(SOURCE.std)}
    parts = {"train_images": points}
    content = theory.evaluate(model, {"kind": "mixture"}, density, parts, points)
    assert content["axes"] == 2
    assert [panel["title"][:3] for panel in content["panels"]] == ["(a)", "(b)", "(c)", "(d)"]
    for panel in content["panels"]:
        assert len(panel["p_data"]) == len(panel["p_g"]) == len(panel["d"])
        assert sum(panel["p_data"]) == pytest.approx(1, abs=1e-3)
    assert content["warnings"], "four steps are not enough"
    with Image.open(io.BytesIO(theory_plots.figure_1(content, "ring"))) as picture:
        assert picture.size[0] > 1_000
        assert len(picture.convert("RGB").getcolors(1 << 24)) > 100  # a background of D's values
