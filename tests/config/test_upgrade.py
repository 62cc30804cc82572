"""A params.yaml of an earlier version gets the keys of this one, line by line."""

import difflib
import re
from pathlib import Path

import pytest
from dvc.utils.serialize import load_yaml

from pipeline.cli import main
from pipeline.config.editing import plain
from pipeline.config.params import load
from pipeline.config.upgrade import upgrade
from tests.conftest import ROOT

# those that an earlier version could have, which knew no other family
RECIPES = [
    path
    for path in [ROOT / "params.yaml", *sorted((ROOT / "recipes").glob("*.yaml"))]
    if {run.model for run in load(path).runs.values()} == {"gan"}
]
OLD = """\
# What is run.
datasets: {points: {source: {name: digits}, normalize: {validation_images: 3}}}
runs:
  first: &first   # the one and only
    dataset: points   # ours
    # Two of them.
    seed: 0

  # Varied.
  second: &second {<<: *first, seed: 1}
  third:
    <<: *second
  fourth: &fourth {
    "dataset": points, seed: 3}
  fifth: {<<: *fourth}
  sixth:
    <<: [*first]
  seventh: *fourth
  eighth:
    dataset:
      points"""


def lines_changed(old: str, new: str) -> list[str]:
    return [line for line in difflib.ndiff(old.splitlines(), new.splitlines()) if line[0] in "+-"]


def upgraded(path: Path, text: str) -> str:
    path.write_text(text)
    upgrade(path)
    return path.read_text()


def test_every_run_gets_its_family_and_all_else_stays(tmp_path: Path):
    new = upgraded(tmp_path / "params.yaml", OLD)
    expected = plain(OLD)
    for run in expected["runs"].values():
        run["model"] = "gan"
    assert plain(new) == expected == load_yaml(str(tmp_path / "params.yaml"))
    assert lines_changed(OLD, new) == [
        "+     model: gan",
        "-   fourth: &fourth {",
        "+   fourth: &fourth {model: gan, ",
        "+     model: gan",
    ]


OLD_KEYS = """\
datasets: {points: {source: {name: digits}, normalize: {validation_images: 3}}}
runs:
  first: &first
    dataset: points
    model: gan
    train: &train
      generator_loss: minimax   # eq. 1, not generator_loss: non_saturating
      steps: 3
  second: {<<: *first, train: {<<: *train, steps: 4, "generator_loss": label_flip}}
  third: {<<: *first, train: *train}
"""


def test_keys_get_the_names_of_this_version(tmp_path: Path):
    new = upgraded(tmp_path / "params.yaml", OLD_KEYS)
    assert new == OLD_KEYS.replace("generator_loss: m", "loss: m").replace('"generator_l', '"l')
    assert [run["train"]["loss"] for run in plain(new)["runs"].values()] == [
        "minimax",
        "label_flip",
        "minimax",
    ]


def test_an_old_key_is_refused_with_the_command_that_renames_it(tmp_path: Path, capsys):
    file = tmp_path / "params.yaml"
    text = (ROOT / "recipes/paper.yaml").read_text()
    file.write_text(text.replace("      loss:", "      generator_loss:"))
    assert main(["check", "--file", str(file)]) == 1
    assert capsys.readouterr().err == (
        f"error: {file}: runs.paper.train.generator_loss is called loss in this version. Next: "
        f"python -m pipeline upgrade --file {file}\n"
    )
    assert main(["upgrade", "--file", str(file)]) == 0
    assert "runs.paper.train: renamed generator_loss to loss\n" in capsys.readouterr().out
    assert file.read_text() == text


@pytest.mark.parametrize("recipe", RECIPES, ids=lambda path: path.stem)
def test_a_recipe_without_families_is_valid_again(recipe: Path, tmp_path: Path):
    text = recipe.read_text()
    old = re.sub(r"\n *model: gan(?=\n)", "", text)
    assert old != text
    assert upgraded(tmp_path / "params.yaml", old) == text
    assert load(tmp_path / "params.yaml") == load(recipe)


def test_the_command_says_what_it_changed(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    file = tmp_path / "params.yaml"
    file.write_text((ROOT / "recipes/quick.yaml").read_text().replace("    model: gan\n", ""))
    assert main(["check", "--file", str(file)]) == 1
    assert capsys.readouterr().err == (
        f"error: {file}: runs.digits.model is missing (and that of 1 more), the family that is trained. "
        f"If the file is of an earlier version, next: python -m pipeline upgrade --file {file}\n"
    )
    assert main(["upgrade", "--file", str(file)]) == 0
    assert capsys.readouterr().out == (
        "runs.digits: added model: gan\nruns.line: added model: gan\n"
    )
    assert main(["upgrade", "--file", str(file)]) == 0
    assert capsys.readouterr().out == f"{file} has the keys of this version already\n"
    assert main(["check", "--file", str(file)]) == 0


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("runs: [1,", "is not valid YAML"),
        ("<<<<<<< HEAD\na: 1\n", "has merge markers"),
        (
            "datasets: {}\nruns:\n  a:\n    ? dataset\n    : x\n",
            "Add model: gan by hand to: a",
        ),
    ],
)
def test_a_file_that_cannot_be_changed_stays(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], text: str, expected: str
):
    file = tmp_path / "params.yaml"
    file.write_text(text)
    assert main(["upgrade", "--file", str(file)]) == 1
    said = capsys.readouterr().err
    assert expected in said
    assert "Traceback" not in said
    assert file.read_text() == text
