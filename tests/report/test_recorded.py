"""What a dvc.lock records of those that params.yaml names."""

from pathlib import Path

from ruamel.yaml import YAML

from pipeline.report.recorded import Entry, Recorded, group_of
from tests.conftest import ROOT


def test_a_run_that_is_gone_is_left_out_though_a_dataset_has_its_name():
    stages = ("check", "download@mnist", "train@mnist", "train@paper", "likelihood@mnist", "table")
    continued = ("continued_train@mnist", "continued_train@paper")
    recorded = Recorded({stage: Entry({}, {}, {}) for stage in (*stages, *continued)})
    params = {"datasets": {"mnist": {}}, "runs": {"paper": {}}, "continued": {"mnist": {}}}
    kept = recorded.asked_for(params).entries
    assert [*kept] == ["check", "download@mnist", "train@paper", "table", "continued_train@mnist"]


def test_groups_are_those_of_dvc_yaml():
    stages = YAML(typ="safe").load(Path(ROOT / "dvc.yaml").read_text())["stages"]
    for name, stage in stages.items():
        if "foreach" in stage:
            assert stage["foreach"] == f"${{{group_of(name)}}}"
