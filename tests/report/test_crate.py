"""The crate of a folder holds what dvc.lock records, and is one by the specification's rules."""

import copy
import json

import pytest
import yaml

from pipeline.cli import main
from tests.report.crate_rules import problems
from tests.report.folder import finish, set_up


@pytest.fixture
def here(tmp_path, monkeypatch):
    set_up(tmp_path)
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def crate(here):
    finish(here)
    lock = yaml.safe_load((here / "dvc.lock").read_text())
    for name in ("digits", "line"):
        (here / f"data/raw/{name}.json").parent.mkdir(parents=True, exist_ok=True)
        (here / f"data/raw/{name}.json").write_text(json.dumps({"source": "a place"}))
        lock["stages"][f"download@{name}"]["outs"] = [{"path": f"data/raw/{name}.npz", "md5": "0"}]
        lock["stages"][f"train@{name}"]["deps"] = [
            {"path": "pipeline/compute", "md5": "1.dir"},
            {"path": f"data/raw/{name}.npz", "md5": "0"},
        ]
    lock["stages"]["train@of_another_recipe"] = lock["stages"]["train@digits"]
    (here / "dvc.lock").write_text(yaml.safe_dump(lock))
    assert main(["crate"]) == 0
    return json.loads((here / "ro-crate-metadata.json").read_text())


def things(crate) -> dict:
    return {thing["@id"]: thing for thing in crate["@graph"]}


def test_it_is_a_crate_by_the_rules(crate):
    assert list(problems(crate)) == []


def test_a_stage_is_an_action_on_files_and_settings(crate):
    found = things(crate)
    train = found["#train@digits"]
    read = {each["@id"] for each in train["object"]}
    assert {"pipeline/compute/", "data/raw/digits.npz"} <= read
    assert found["#train@digits-runs.digits.train.steps"]["value"] == 600
    assert found["#train@digits-runs.digits.seed"]["value"] == 0
    assert found["data/raw/digits.npz"]["identifier"] == "md5:0"
    licence = found[found["data/raw/digits.npz"]["license"]["@id"]]
    assert licence["name"] == "CC BY 4.0 (E. Alpaydin and C. Kaynak, UCI)"
    assert "a place" in found[found["data/raw/digits.npz"]["isBasedOn"]["@id"]]["description"]
    assert "#train@of_another_recipe" not in found, "params.yaml does not name it"
    assert "torch" in {each.get("name") for each in found.values()}


def without_licence(crate):
    del things(crate)["./"]["license"]


def dangling(crate):
    things(crate)["./"]["mentions"].append({"@id": "#nothing"})


def twice(crate):
    crate["@graph"].append(crate["@graph"][0])


def no_part(crate):
    things(crate)["./"]["hasPart"].pop()


def nested(crate):
    things(crate)["./"]["author"] = {"@type": "Person", "name": "x"}


@pytest.mark.parametrize("damage", [without_licence, dangling, twice, no_part, nested])
def test_the_rules_find_what_is_wrong(crate, damage):
    other = copy.deepcopy(crate)
    damage(other)
    assert list(problems(other))


def test_the_same_folder_gives_the_same_crate(crate, here):
    before = (here / "ro-crate-metadata.json").read_bytes()
    assert main(["crate", "--out", "other.json"]) == 0
    assert (here / "other.json").read_bytes() == before


def test_before_anything_has_run_there_is_nothing_to_say(here, capsys):
    assert main(["crate"]) == 1
    said = capsys.readouterr().err
    assert "nothing has run here" in said and len(said.splitlines()) == 1
