"""`continued:` of params.yaml: runs that start from another run's model, and what is refused in one line."""

import copy
import re
from typing import Any

import pytest
from ruamel.yaml import YAML

from pipeline.config.models import FAMILIES, settings_of
from pipeline.config.params import load, validate
from pipeline.errors import ConfigError
from pipeline.team.sweep import sweep
from tests.config.test_likelihood import refused
from tests.conftest import ROOT
from tests.models.examples import EXAMPLES

QUICK = YAML(typ="safe").load((ROOT / "recipes/quick.yaml").read_text())


def continued(name: str = "longer", **changes: Any) -> dict:
    """The quick recipe with digits trained on; a change of `train` or `generator` is made inside of it."""
    content = copy.deepcopy(QUICK)
    entry = {**copy.deepcopy(QUICK["runs"]["digits"]), "from": "digits"}
    entry["train"]["generator"] |= changes.pop("generator", {})
    entry["train"] |= changes.pop("train", {})
    return content | {"continued": {name: entry | changes}}


def test_the_group_may_be_left_out_or_empty():
    assert validate(QUICK, "params.yaml").continued == {}
    assert validate(QUICK | {"continued": {}}, "params.yaml").continued == {}
    assert "write {} for none" in refused(QUICK | {"continued": None})


def test_it_is_a_run_whose_training_may_differ_but_not_its_nets():
    sgd = {"name": "sgd", "lr": 0.1}
    changes = {"steps": 50, "batch_size": 20, "ema": {"name": "exponential", "decay": 0.9}}
    content = continued(
        train=changes,
        generator={"optimizer": sgd, "init": {"name": "xavier"}, "dropout": 0.5},
        seed=3,
    )
    params = validate(content, "params.yaml")
    assert list(params.every_run) == ["digits", "line", "longer"]
    assert params.continued["longer"].origin == "digits"
    assert params.model_dump(mode="json")["continued"]["longer"]["from"] == "digits"
    assert validate(params.model_dump(mode="json"), "results/params.json") == params


def test_the_run_of_the_documents_is_valid(tmp_path):
    documented = (ROOT / "docs/experiments.md").read_text()
    block = re.search(r"<<'EOF'\n(\ncontinued:.*?)EOF", documented, re.DOTALL)
    assert block
    file = tmp_path / "params.yaml"
    file.write_text((ROOT / "recipes/quick.yaml").read_text() + block[1])
    assert load(file).continued["line_longer"].origin == "line"


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"from": "digit"}, "from is 'digit', which is no run (did you mean digits?)"),
        ({"from": "longer"}, "from: longer from longer: a circle"),
        ({"form": "digits"}, "form: unknown key (did you mean from?)"),
        (
            {"generator": {"hidden": [128, 256]}},
            "train.generator.hidden is [128, 256], but digits, which it starts from, has [256, 256]",
        ),
        (
            {"train": {"noise": {"prior": "gaussian", "dim": 16}}},
            "train.noise.dim is 16, but digits",
        ),
        ({"train": {"conditional": {}}}, "train.conditional is {"),
        ({"train": {"pretraining": {"steps": 9, "front": 1}}}, "train.pretraining is for weights"),
        ({"train": {"steps": 0}}, "train.steps: found 0"),
        (
            {"model": "rbm", "train": EXAMPLES["rbm"], "sample": {}},
            "model is rbm, but digits, which it starts from, is of model: gan",
        ),
        ({"dataset": "line"}, "dataset is line, whose images are 1 x 1 x 1, but digits"),
    ],
)
def test_what_cannot_go_on_is_said_in_one_line(changes: dict, said: str):
    content = continued()
    entry = content["continued"]["longer"]
    if changes.get("model"):
        entry |= changes
    else:
        content = continued(**changes)
    line = refused(content)
    assert line.startswith("continued.longer.") and said in line


def test_a_circle_of_several_is_named():
    content = continued()
    entry = content["continued"].pop("longer")
    content["continued"] = {
        name: {**entry, "from": origin} for name, origin in (("a", "b"), ("b", "c"), ("c", "b"))
    }
    assert "continued.a.from: b from c from b: a circle" in refused(content)
    content["continued"]["c"]["from"] = "digits"
    validate(content, "params.yaml")


def test_a_baseline_has_nothing_to_go_on_from():
    content = copy.deepcopy(QUICK)
    run = QUICK["runs"]["digits"] | {
        "model": "baseline",
        "train": EXAMPLES["baseline"],
        "sample": {},
    }
    content["runs"]["digits"] = run
    content["continued"] = {"longer": {**run, "from": "digits"}}
    assert "no weights to go on from" in refused(content)
    assert [family for family in FAMILIES if not settings_of(family).nets] == ["baseline"]


def test_both_groups_share_their_names():
    assert "continued.digits: runs: has a run of this name" in refused(continued(name="digits"))
    assert "differ in capitals only" in refused(continued(name="Digits"))
    assert "reserved" in refused(continued(name="scores"))


def test_a_sweep_varies_a_continued_run_below_it(tmp_path):
    file = tmp_path / "params.yaml"
    YAML().dump(continued(), file)
    written = sweep(file, "longer", ["seed=0,1", "train.steps=50,60"])
    assert len(written.added) == 4
    assert set(load(file).continued) == {"longer", *written.added}
    assert load(file).continued["longer_seed1_steps50"].origin == "digits"


def test_seeds_that_are_not_written_out_are_named(tmp_path):
    file = tmp_path / "params.yaml"
    YAML().dump(continued(seeds=[0, 1]), file)
    with pytest.raises(
        ConfigError, match=r"continued.longer.seeds is \[0, 1\].*python -m pipeline sweep"
    ):
        load(file)
