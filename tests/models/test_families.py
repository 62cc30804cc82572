"""The table of families: complete, true, and imported without importing what it names."""

import subprocess
import sys

import pytest
import torch

from pipeline.compute.streams import generator
from pipeline.config import models as settings
from pipeline.evaluation import families
from pipeline.models import FAMILIES, load
from tests.conftest import ROOT
from tests.models.examples import EXAMPLES


def test_a_family_has_code_and_settings_and_a_line_in_the_table():
    folders = {
        path.parent.name
        for path in (ROOT / "pipeline/models").glob("*/__init__.py")
        if path.parent.name != "common"
    }
    assert folders == set(FAMILIES) == set(settings.FAMILIES)


@pytest.mark.parametrize("name", FAMILIES)
def test_what_the_table_names_is_there(name: str):
    family = FAMILIES[name]
    assert load(family.settings) is settings.settings_of(name)
    for place in (
        family.trainings,
        family.monitor,
        family.observer,
        family.saved,
    ):
        assert callable(load(place))
    for function in ("theory", "curves", "theory_figure", "interpolation"):
        assert callable(getattr(families.of(name), function))


@pytest.mark.parametrize("name", [name for name in EXAMPLES if name != "baseline"])
def test_looking_at_pictures_does_not_move_a_training(name: str):
    settings = load(FAMILIES[name].settings).model_validate(EXAMPLES[name])
    images = torch.rand(60, 1, 8, 8, generator=generator(0, "test")) * 2 - 1
    ends = []
    for looks in (False, True):
        for _, training in load(FAMILIES[name].trainings)(settings, 0, images, torch.device("cpu")):
            for _ in range(3):
                training.advance()
                if looks:
                    training.draw(2)
        ends.append(training.player.vector.detach().clone())
    assert torch.equal(*ends)


def test_the_table_imports_no_family():
    program = (
        "import sys, pipeline.models\n"
        "print([name for name in sys.modules if name == 'torch' or name.startswith('pipeline.models.')])"
    )
    said = subprocess.check_output([sys.executable, "-c", program], cwd=ROOT, text=True)
    assert said == "[]\n"
