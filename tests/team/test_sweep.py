"""Variants of a run, written into a params file that keeps its comments, order and anchors."""

import difflib
import json
from pathlib import Path

import pytest
from dvc.utils.hydra import apply_overrides
from dvc.utils.serialize import load_yaml

from pipeline.cli import main
from pipeline.config.editing import end_of
from pipeline.config.params import Params, load
from pipeline.engine.experiments import shared_blocks
from pipeline.errors import ConfigError
from pipeline.report.settings import seed_groups
from pipeline.team.sweep import fan_out, sweep
from tests.conftest import ROOT

TEXT = """\
# What is run.
datasets:
  points:
    source: {name: mixture, means: [[-0.2], [0.25]], std: 0.12}   # in one dimension
    normalize: {validation_images: 1000}
runs:
  first:   # the one and only
    dataset: points
    model: gan
    seed: 0
    threads: 1
    train:
      steps: 10
      batch_size: 8
      generator:
        hidden: [4, 4]
        activation: tanh
        output: linear
        init: {name: normal, std: 0.3}
        optimizer: &adam {name: adam, lr: 1e-3}   # of both
      discriminator:
        hidden: [4]
        activation: tanh
        init: {name: normal, std: 0.5}
        optimizer: *adam
    sample: {count: 9, weights: raw}
    parzen: {}   # the last line of the block

  # Another one.
  second: {dataset: points, model: gan, seed: 3, threads: 1, train: &train {steps: 5, batch_size: 4,
    generator: {hidden: [2], activation: relu, output: linear, init: {name: he}, optimizer: *adam},
    discriminator: {hidden: [2], activation: relu, init: {name: he}, optimizer: *adam}},
    sample: {count: 9, weights: raw}, parzen: {}}
  third: {dataset: points, model: gan, seed: 0, threads: 1, train: *train, sample: {count: 7, weights: raw}, parzen: {}}
# The end.
"""


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "params.yaml"
    path.write_text(TEXT)
    return path


def changed_lines(path: Path, before: str = TEXT) -> list[str]:
    lines = difflib.ndiff(before.splitlines(), path.read_text().splitlines())
    return [line for line in lines if line[0] in "+-"]


def seeds(path: Path) -> dict[str, int]:
    return {name: run.seed for name, run in load(path).runs.items()}


def test_seeds_are_added_below_the_run_in_full_and_everything_else_stays(file: Path):
    assert sweep(file, "first", ["seed=0,1,2"]).added == ["first_seed1", "first_seed2"]
    in_full = """\
first_seed{}:
  dataset: points
  model: gan
  seed: {}
  threads: 1
  train:
    steps: 10
    batch_size: 8
    generator:
      hidden: [4, 4]
      activation: tanh
      output: linear
      init: {{name: normal, std: 0.3}}
      optimizer: {{name: adam, lr: 1e-3}}
    discriminator:
      hidden: [4]
      activation: tanh
      init: {{name: normal, std: 0.5}}
      optimizer: {{name: adam, lr: 1e-3}}
  sample: {{count: 9, weights: raw}}
  parzen: {{}}"""
    assert changed_lines(file) == [
        f"+   {line}" for seed in (1, 2) for line in in_full.format(seed, seed).splitlines()
    ]
    assert "the last line of the block\n  first_seed1:" in file.read_text()
    assert seed_groups(load(file).runs)[0] == ["first", "first_seed1", "first_seed2"]


def test_what_is_written_shares_no_block_and_takes_every_value_of_an_experiment(file: Path):
    before = shared_blocks(TEXT)
    added = sweep(file, "third", ["seed=1", "train.generator.optimizer.lr=1e-3,3e-3"]).added
    assert shared_blocks(file.read_text()) == before
    for name in added:
        apply_overrides(str(file), [f"runs.{name}.train.generator.optimizer.lr=0.25"])
    runs = load(file).runs
    assert {name for name, run in runs.items() if run.train.generator.optimizer.lr == 0.25} == {
        *added
    }


def test_members_that_no_longer_match_their_run_are_named_and_rewritten_on_request(
    file: Path, capsys: pytest.CaptureFixture[str]
):
    sweep(file, "first", ["seed=0,1,2"])
    file.write_text(file.read_text().replace("steps: 10", "steps: 20", 1))
    before = file.read_text()
    command = ["sweep", "--file", str(file), "first", "seed=0,1,2,3"]
    assert main(command) == 1
    said = capsys.readouterr().err
    for seed in (1, 2):
        assert (
            f"runs.first_seed{seed} differs from what runs.first would make of it: train.steps"
            in said
        )
    assert "Next: python -m pipeline sweep first seed=0,1,2,3 --rewrite" in said
    assert file.read_text() == before
    assert main([*command, "--rewrite"]) == 0
    said = capsys.readouterr().out
    assert "added: first_seed3" in said
    assert "rewritten: first_seed1, first_seed2" in said
    runs = load(file).runs
    assert [runs[f"first{end}"].train.steps for end in ("", "_seed1", "_seed2", "_seed3")] == [
        20
    ] * 4
    assert list(runs)[:4] == ["first", "first_seed1", "first_seed2", "first_seed3"]
    assert len(seed_groups(runs)[0]) == 4


def test_a_grid_changes_nested_values_of_its_points_only(file: Path):
    added = sweep(file, "first", ["seed=0,1", "train.generator.optimizer.lr=1e-3,3e-3"]).added
    assert added == ["first_lr3e_3", "first_seed1", "first_seed1_lr3e_3"]
    runs = load(file).runs
    rates = {name: runs[name].train.generator.optimizer.lr for name in ["first", *added]}
    assert rates == {
        "first": 1e-3,
        "first_lr3e_3": 3e-3,
        "first_seed1": 1e-3,
        "first_seed1_lr3e_3": 3e-3,
    }
    assert runs["first_lr3e_3"].train.discriminator.optimizer.lr == 1e-3  # had the same anchor


@pytest.mark.parametrize("run", ["first", "second", "third"])
def test_dvc_reads_the_same_values_as_the_pipeline(file: Path, run: str):
    sweep(
        file,
        run,
        ["seed=1,2", "train.generator.init={name: he, gain: 2},{name: uniform, range: 1}"],
    )
    sweep(file, run, ["train.ema={name: power},null", "train.generator.hidden=[3],[3, 4]"])
    sweep(
        file,
        f"{run}_seed1_init_name_he_gain_2",
        ["train.noise.dim=3", "train.generator.init.gain=3"],
    )
    assert Params.model_validate(load_yaml(str(file))) == load(file)
    assert len(load(file).runs) == 3 + 4 + 4 + 1


def test_the_same_sweep_twice_and_a_larger_one_add_what_is_missing(file: Path):
    sweep(file, "first", ["seed=0,1"])
    once = file.read_text()
    again = sweep(file, "first", ["seed=0,1"])
    assert (again.added, again.present) == ([], ["first", "first_seed1"])
    assert file.read_text() == once
    assert sweep(file, "first", ["seed=0,1,2"]).added == ["first_seed2"]


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["nobody", "seed=1"], "has no runs.nobody; it has: first, second, third"),
        (["first", "train.stepps=3"], "runs.first.train.stepps: unknown key (did you mean steps?)"),
        (["first", "train.steps=3,-3"], "runs.first.train.steps: found -3, must be greater than 0"),
        (["first", "seed"], "'seed' is not KEY=VALUE,VALUE,...; for example: python -m pipeline"),
        (["first", "seed=[1"], "'seed=[1' is not KEY=VALUE,VALUE,...;"),
        (["first", f"seed={'[' * 300}"], "[[[' is not KEY=VALUE,VALUE,...;"),
        (["first", "seed=1,1"], "seed=1,1: a value stands there twice"),
        (["first", "seed=1", "seed=2"], "give every key to vary once"),
        (["first"], "give every key to vary once, with its values; for example"),
        (["seed=1,2"], "name the run first"),
        ([], "has seeds:, so name a run and its values"),
    ],
)
def test_what_cannot_be_written_is_said_and_the_file_stays(
    file: Path, capsys: pytest.CaptureFixture[str], arguments: list[str], expected: str
):
    assert main(["sweep", "--file", str(file), *arguments]) == 1
    said = capsys.readouterr().err
    assert expected in said
    assert "Traceback" not in said
    assert file.read_text() == TEXT


def test_a_name_that_is_taken_by_another_run_is_refused(file: Path):
    sweep(file, "third", ["seed=7"])
    taken = file.read_text().replace("third_seed7", "first_seed7")
    file.write_text(taken)
    with pytest.raises(
        ConfigError, match=r"first_seed7 differs from what runs.first would make of it: train"
    ):
        sweep(file, "first", ["seed=7"])
    assert file.read_text() == taken


def test_runs_in_braces_are_refused_in_words(tmp_path: Path):
    file = tmp_path / "params.yaml"
    (tmp_path / "blocks.yaml").write_text(TEXT)
    content = load_yaml(str(tmp_path / "blocks.yaml"))
    file.write_text(json.dumps(content))
    with pytest.raises(ConfigError, match="write runs: as indented blocks"):
        sweep(file, "first", ["seed=1"])


@pytest.mark.parametrize(
    ("old", "new", "expected", "changed"),
    [
        ("    seed: 0\n", "    seed: 0\n    seeds: [0, 1]\n", {"first": 0, "first_seed1": 1}, []),
        (
            "    seed: 0\n",
            "    seeds:   # two\n      - 4\n      - 5\n",
            {"first": 4, "first_seed5": 5},
            ["-     seed: 0", "+     seed: 4"],
        ),
        (
            "    seed: 0\n",
            "    seed: 9\n    seeds:\n    - 4\n    - 5\n",
            {"first": 4, "first_seed5": 5},
            ["-     seed: 0", "+     seed: 4"],
        ),
        ("seed: 3, threads", "seeds: [3, 4], threads", {"second": 3, "second_seed4": 4}, []),
        (
            "seed: 3, threads",
            "seed: 3, seeds: [4, 3], threads",
            {"second": 3, "second_seed4": 4},
            [],
        ),
        (
            "raw}, parzen: {}}\n#",
            "raw}, parzen: {}, seeds: [0, 8]}\n#",
            {"third": 0, "third_seed8": 8},
            [
                "-   third: {dataset: points, model: gan, seed: 0, threads: 1, train: *train, "
                "sample: {count: 7, weights: raw}, parzen: {}}",
                "+   third: {dataset: points, model: gan, threads: 1, train: *train, "
                "sample: {count: 7, weights: raw}, parzen: {}, seed: 0}",
            ],
        ),
    ],
)
def test_seeds_in_the_file_are_replaced_by_runs(
    file: Path, old: str, new: str, expected: dict[str, int], changed: list[str]
):
    assert TEXT.count(old) == 1
    file.write_text(TEXT.replace(old, new))
    with pytest.raises(ConfigError, match=r"seeds is \[.*Next: python -m pipeline sweep"):
        load(file)
    _, added = expected
    assert fan_out(file).added == [added]
    assert seeds(file) == {"first": 0, "second": 3, "third": 0} | expected
    lines = file.read_text().splitlines(keepends=True)
    first = lines.index(f"  {added}:\n")
    del lines[first : end_of(lines, first, 2)]
    file.write_text("".join(lines))
    kept = [line for line in changed_lines(file) if "second: {" not in line]
    assert kept == changed


def test_runs_that_merge_in_the_fanned_out_run_lose_its_seeds_with_it(file: Path):
    """Anchors that people write by hand; the runs that are added have none."""
    text = TEXT.replace("  first:   #", "  first: &first   #").replace(
        "    seed: 0\n", "    seed: 0\n    seeds: [0, 1, 2]\n", 1
    )
    file.write_text(text.replace("# The end", "  mine: {<<: *first, seed: 5}\n# The end"))
    assert fan_out(file).added == ["first_seed1", "first_seed2"]
    assert seeds(file)["mine"] == 5


@pytest.mark.parametrize(
    "text", ["continued: 5\nruns: {a: {x: 1}}\n", "x: &x {}\nruns: {a: *x, b: {<<: *x}}\n"]
)
def test_in_full_either_writes_what_was_there_or_nothing(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], text: str
):
    file = tmp_path / "params.yaml"
    file.write_text(text)
    main(["sweep", "--in-full", "--file", str(file)])
    said = capsys.readouterr()
    assert "written in full: every run" in said.out or "cannot be changed line by line" in said.err
    assert file.read_text() == text


@pytest.mark.parametrize("wrong", ["3", "[]", "[0, 0]", "[a]", "[-1]", "[true]", "[1.5]"])
def test_seeds_are_different_whole_numbers(file: Path, wrong: str):
    file.write_text(TEXT.replace("    seed: 0\n", f"    seeds: {wrong}\n"))
    with pytest.raises(ConfigError, match=r"runs.first.seeds: found .*, such as \[0, 1, 2\]"):
        fan_out(file)


@pytest.mark.parametrize("name", ["params.yaml", "recipes/quick.yaml", "recipes/paper.yaml"])
def test_every_shipped_recipe_can_be_swept(tmp_path: Path, name: str):
    file = tmp_path / "params.yaml"
    file.write_text((ROOT / name).read_text())
    for run in load(file).runs:
        added = sweep(file, run, ["seed=7", "train.generator.optimizer.lr=0.123"]).added
        assert [load(file).runs[name].seed for name in added] == [7]
    assert len(load(file).runs) == 2 * len(load(ROOT / name).runs)
