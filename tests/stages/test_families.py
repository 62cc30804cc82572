"""Every family but the GAN goes through all stages, and through a crash, in one process on the digits."""

import json

import pytest
from PIL import Image
from ruamel.yaml import YAML

from pipeline.cli import main
from pipeline.models import FAMILIES, load
from pipeline.models.common import loop
from tests.conftest import ROOT
from tests.models.examples import EXAMPLES

STAGES = ("sample", "parzen", "metrics", "figures", "scores")
TRAINED = ("model.safetensors", "verdict.json", "training.tsv", "progress.png")


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory):
    """A folder with a run of every family in params.yaml, and the data in place."""
    folder = tmp_path_factory.mktemp("families")
    quick = YAML(typ="safe").load((ROOT / "recipes/quick.yaml").read_text())
    runs = {
        family: {
            "dataset": "digits",
            "model": family,
            "seed": 0,
            "threads": 1,
            "train": train,
            "sample": {"count": 400, "weights": "ema" if "ema" in train else "raw"},
            "parzen": {"validation_images": 300, "real_data_images": 400},
        }
        for family, train in EXAMPLES.items()
    }
    params = {"datasets": {"digits": quick["datasets"]["digits"]}, "runs": runs}
    (folder / "params.yaml").write_text(json.dumps(params))  # JSON is YAML
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        for stage in ("download", "normalize", "features"):
            assert main([stage, "digits"]) == 0
    return folder


@pytest.fixture
def here(data, monkeypatch):
    monkeypatch.chdir(data)
    return data


def test_every_family_has_an_example():
    assert set(EXAMPLES) == set(FAMILIES) - {"gan"}


@pytest.mark.parametrize("family", EXAMPLES)
def test_a_crashed_training_goes_on_bit_for_bit_and_the_stages_follow(here, monkeypatch, family):
    assert main(["train", family]) == 0
    folder = here / "results" / family
    expected = {name: (folder / name).read_bytes() for name in TRAINED}
    crash(monkeypatch, family, at=37)
    for name in TRAINED:
        assert (folder / name).read_bytes() == expected[name], name
    for stage in STAGES:
        assert main([stage, family]) == 0
    theory = json.loads((folder / "theory.json").read_text())
    scores = json.loads((here / f"results/scores/{family}.json").read_text())
    assert scores["verdict"] == "healthy"
    if theory["kind"] == "likelihood":
        assert scores["log_p"] == pytest.approx(theory["test"]["mean"], abs=1)
    else:
        assert scores["log_p"] is None
    parzen = json.loads((folder / "parzen.json").read_text())
    metrics = json.loads((folder / "metrics.json").read_text())
    assert set(parzen["views"]) == set(metrics["views"]) == set(scores["views"])
    assert (parzen["view"] is None) == (not parzen["views"])
    for name in ("grid", "curves", "theory", "interpolation", "sheet", "sigma", "neighbours"):
        with Image.open(folder / f"{name}.png") as picture:
            assert picture.width > 40


def crash(monkeypatch, family: str, at: int) -> None:
    """Train again, with a checkpoint after every step and a crash in step `at` of each of the run's trainings, each
    time going on from there."""
    observer = load(FAMILIES[family].observer)
    advanced, crashed = observer.advanced, set()

    def crashing(self):
        advanced(self)
        kind = type(self.training)
        if self.training.step == at and kind not in crashed:
            crashed.add(kind)
            raise RuntimeError("the power failed")

    with monkeypatch.context() as patch:
        patch.setattr(loop, "CHECKPOINT_SECONDS", -1)
        patch.setattr(observer, "advanced", crashing)
        for _ in range(2 if "first" in EXAMPLES[family] else 1):  # a stack has two trainings
            with pytest.raises(RuntimeError, match="the power failed"):
                main(["train", family])
    assert main(["train", family]) == 0


@pytest.mark.parametrize("family", EXAMPLES)
def test_settings_that_do_not_suit_are_refused_with_the_key(here, family, capsys):
    content = json.loads((here / "params.yaml").read_text())
    content["datasets"]["line"] = {
        "source": {
            "name": "mixture",
            "means": [[0.0]],
            "std": 0.1,
            "train_points": 99,
            "test_points": 9,
        },
        "normalize": {"validation_images": 9},
    }
    run = content["runs"][family]
    changes = [
        (
            {"dataset": "line", "parzen": {"validation_images": 9}},
            "is for images; for points use model: gan",
        ),
        ({"train": run["train"] | {"noise": {}}}, "train.noise: a setting of model: gan"),
        ({"sample": {"interpolation": "line"}}, "sample.interpolation is of the noise of a gan"),
    ]
    if "batch_size" in run["train"]:
        too_large = run["train"] | {"batch_size": 5000}
        changes.append(({"train": too_large}, "train.batch_size is 5,000, but there are"))
    for change, expected in changes:
        wrong = here / "wrong.yaml"
        wrong.write_text(json.dumps(content | {"runs": {family: run | change}}))
        assert main(["check", "--file", str(wrong)]) == 1
        assert expected in capsys.readouterr().err
