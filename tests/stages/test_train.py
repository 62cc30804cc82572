"""The train stage in one process, on points: its files, and what a crash leaves."""

import hashlib
import json
import shutil

import numpy as np
import pytest
import torch
from ruamel.yaml import YAML

from pipeline.cli import main
from pipeline.config.params import load
from pipeline.io import live, machine
from pipeline.io.tensors import read_about, read_tensors, write_model
from pipeline.models.common import loop
from pipeline.models.gan.training import Training
from pipeline.stages import figures, train
from tests import power
from tests.conftest import ROOT


@pytest.fixture
def here(tmp_path, monkeypatch):
    """The `line` run of the quick recipe, shortened, its data in place."""
    monkeypatch.chdir(tmp_path)
    prepare(tmp_path)
    return tmp_path


def prepare(folder) -> None:
    """In `folder`, the current one."""
    params = YAML(typ="safe").load((ROOT / "recipes/quick.yaml").read_text())
    params["runs"]["line"]["train"] |= {"steps": 60, "log_steps": 50, "grid_steps": 20}
    (folder / "params.yaml").write_text(json.dumps(params))  # JSON is YAML
    assert main(["download", "line"]) == main(["normalize", "line"]) == 0


@pytest.fixture(scope="module")
def uninterrupted(tmp_path_factory) -> dict[str, bytes]:
    """What the run's training makes, in a folder of its own, if nothing goes wrong."""
    return made_elsewhere(tmp_path_factory.mktemp("uninterrupted"))


@pytest.fixture(scope="module")
def uninterrupted_pretrained(tmp_path_factory) -> dict[str, bytes]:
    """The same with the pretraining of `with_pretraining`."""
    return made_elsewhere(tmp_path_factory.mktemp("pretrained"), with_pretraining)


def made_elsewhere(folder, change=lambda folder: None) -> dict[str, bytes]:
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        prepare(folder)
        change(folder)
        assert main(["train", "line"]) == 0
    return made(folder)


COLUMNS = [
    "step",
    "images",
    "d_loss",
    "g_loss",
    "d_real",
    "d_fake",
    "g_gradient_norm",
    "d_gradient_norm",
    "diversity",
]


def model(folder) -> bytes:
    return (folder / "results/line/model.safetensors").read_bytes()


def made(folder) -> dict[str, bytes]:
    """All that the stage declares."""
    declared = ("model.safetensors", "verdict.json", "training.tsv", "progress.png")
    return {name: (folder / "results/line" / name).read_bytes() for name in declared}


def cost(folder) -> dict:
    return json.loads((folder / "results/line/costs.json").read_text())


def test_the_log_has_a_row_every_so_many_steps_and_at_the_end(here):
    assert main(["train", "line"]) == 0
    header, *rows = (here / "results/line/training.tsv").read_text().splitlines()
    assert header.split("\t") == COLUMNS
    assert [row.split("\t")[0] for row in rows] == ["50", "60"]
    verdict = json.loads((here / "results/line/verdict.json").read_text())
    assert verdict["steps"] == 60
    assert len(list((here / "results/line/live/grids").glob("*.png"))) == 4  # steps 0, 20, 40, 60


@pytest.mark.parametrize("crash_at", [1, 37, 59])
def test_a_crashed_training_goes_on_bit_for_bit(here, uninterrupted, monkeypatch, capsys, crash_at):
    with power.failing(monkeypatch, lambda training: training.step == crash_at):
        main(["train", "line"])
    assert not (here / "results/line/model.safetensors").exists()
    assert main(["train", "line"]) == 0
    assert f"resuming at step {crash_at} of 60" in capsys.readouterr().err
    assert made(here) == uninterrupted
    assert not list((here / ".checkpoints").iterdir())


def test_a_run_keeps_its_checkpoint_when_another_that_trains_the_same_ends(
    here, uninterrupted, monkeypatch, capsys
):
    """They differ in what comes after the training, and the other comes to its end while this one trains."""
    params = YAML(typ="safe").load((here / "params.yaml").read_text())
    params["runs"]["twin"] = params["runs"]["line"] | {"sample": {"count": 10}}
    (here / "params.yaml").write_text(json.dumps(params))

    def power_fails(training: Training) -> bool:
        outer = training.step == 30 and not (here / "results/twin").exists()
        if outer:
            (here / "results/twin").mkdir(parents=True)
            assert main(["train", "twin"]) == 0
        return outer

    with power.failing(monkeypatch, power_fails):
        main(["train", "line"])
    capsys.readouterr()
    assert main(["train", "line"]) == 0
    assert "resuming at step 60 of 60" in capsys.readouterr().err  # as far as the other came
    assert made(here) == uninterrupted
    assert not list((here / ".checkpoints").iterdir())


def test_the_seconds_before_a_crash_count(here, monkeypatch):
    """Ten seconds pass in each step, by the clock of the test."""
    advance, clock = Training.advance, [0.0]
    monkeypatch.setattr(live.time, "monotonic", lambda: clock[0])

    def slow(self):
        clock[0] += 10
        if clock[0] == 380:
            raise RuntimeError("the power failed in step 38")
        return advance(self)

    monkeypatch.setattr(Training, "advance", slow)
    monkeypatch.setattr(loop, "CHECKPOINT_SECONDS", 0)
    with pytest.raises(RuntimeError):
        main(["train", "line"])
    assert main(["train", "line"]) == 0
    assert cost(here)["train_seconds"] == 600  # step 38 counts once: its first try was lost
    images = float(rows(here)[-1].split("\t")[1])  # that D saw in 60 steps
    assert cost(here)["images_per_second"] == pytest.approx(images / 600, abs=0.1)


def test_costs_are_those_of_one_model_and_sampling_adds_its_own(here, capsys):
    assert main(["train", "line"]) == 0
    assert main(["sample", "line"]) == 0
    found = cost(here)
    assert found["model_sha256"] == hashlib.sha256(model(here)).hexdigest()
    assert found["train_seconds"] > 0 and found["sample_seconds"] > 0
    assert found["peak_memory_mb"] > 50  # torch alone
    assert main(["costs"]) == 0
    shown = capsys.readouterr().out.splitlines()
    assert shown[0].split()[:3] == ["run", "training", "(s)"]
    assert found["processor"] in next(line for line in shown if line.startswith("line "))
    other = read_tensors(here / "results/line/model.safetensors")
    write_model(here / "results/line/model.safetensors", other, {"of": "another machine"})
    assert main(["costs"]) == 0
    shown = capsys.readouterr().out.splitlines()
    assert set(next(line for line in shown if line.startswith("line ")).split()[1:]) == {"-"}


def test_a_model_says_what_made_it_and_nothing_of_the_very_machine(here):
    assert main(["train", "line"]) == 0
    about = read_about(here / "results/line/model.safetensors")
    made_with = {key: about[key] for key in ("torch", "device", "threads", "precision", "code")}
    assert made_with == {
        "torch": torch.__version__,
        "device": "cpu",
        "threads": 1,
        "precision": "float32",
        "code": train.code_version("gan"),
    }
    assert machine.processor() not in json.dumps(about)
    said = figures.made_with(about)
    assert all(str(fact) in said for fact in made_with.values())


def test_the_code_digest_covers_what_dvc_lists_for_the_stage(tmp_path):
    """So it changes exactly when DVC trains again because of code."""
    stages = YAML(typ="safe").load((ROOT / "dvc.yaml").read_text())["stages"]
    listed = [dep for dep in stages["train"]["do"]["deps"] if dep.startswith("pipeline/")]
    ours = [f"pipeline/{part.replace('{family}', '${item.model}')}" for part in train.CODE]
    assert sorted(ours) == sorted(listed)
    ignore = shutil.ignore_patterns("__pycache__")
    shutil.copytree(ROOT / "pipeline", tmp_path / "pipeline", ignore=ignore)
    digests = [train.code_version("gan"), train.code_version("gan", tmp_path / "pipeline")]
    changed = tmp_path / "pipeline/io/tensors.py"
    changed.write_text(changed.read_text() + "\n")
    digests.append(train.code_version("gan", tmp_path / "pipeline"))
    changed.rename(changed.with_name("others.py"))
    digests.append(train.code_version("gan", tmp_path / "pipeline"))
    assert [digests.index(digest) for digest in digests] == [0, 0, 2, 3]
    (tmp_path / "pipeline/stages/table.py").unlink()
    assert train.code_version("gan", tmp_path / "pipeline") == digests[-1]


def test_a_diverged_training_ends_with_advice_and_writes_nothing(here, monkeypatch, capsys):
    advance = Training.advance

    def overflow(self):
        seen = advance(self)
        return seen | {"d_loss": seen["d_loss"] + (float("inf") if self.step >= 50 else 0)}

    monkeypatch.setattr(Training, "advance", overflow)
    assert main(["train", "line"]) == 1
    said = capsys.readouterr().err
    assert "training diverged at step 50: d_loss inf" in said
    assert "Lower the learning rates" in said
    assert not (here / "results/line/model.safetensors").exists()


def watch_closely(here, policy: str) -> None:
    """A row and a good state every ten steps."""
    params = json.loads((here / "params.yaml").read_text())
    monitor = {"policy": policy, "good_steps": 10}
    params["runs"]["line"]["train"] |= {"log_steps": 10, "monitor": monitor}
    (here / "params.yaml").write_text(json.dumps(params))


def steps_logged(here) -> list[int]:
    lines = (here / "results/line/training.tsv").read_text().splitlines()
    return [int(line.split("\t")[0]) for line in lines[1:]]


def test_a_stopped_training_keeps_its_verdict_and_the_last_good_samples(here, monkeypatch, capsys):
    advance = Training.advance

    def overflow(self):
        seen = advance(self)
        if self.step == 50:
            self.G.vector.data.fill_(torch.nan)
            return seen | {"g_loss": torch.tensor(torch.nan)}
        return seen

    watch_closely(here, "stop")
    monkeypatch.setattr(Training, "advance", overflow)
    assert main(["train", "line"]) == 0
    verdict = json.loads((here / "results/line/verdict.json").read_text())
    assert verdict["verdict"] == "not_a_number"
    assert "training diverged at step 50: d_loss" in verdict["reason"]
    assert verdict["hint"] in capsys.readouterr().err
    assert steps_logged(here)[-1] == verdict["steps"] == 40
    assert main(["sample", "line"]) == 0
    assert np.isfinite(np.load(here / "results/line/samples.npy")).all()


def test_a_rollback_leaves_the_rows_and_pictures_of_one_training(here, monkeypatch, capsys):
    advance, failures, drawn = Training.advance, [], []

    def overflow_once(self):
        seen = advance(self)
        if self.step == 50 and not failures:
            failures.append(self.step)
            return seen | {"g_loss": torch.tensor(torch.nan)}
        return seen

    watch_closely(here, "rollback")
    monkeypatch.setattr(Training, "advance", overflow_once)
    monkeypatch.setattr(
        train.pictures, "progress", lambda grids, steps: drawn.extend([len(grids), steps]) or b""
    )
    assert main(["train", "line"]) == 0
    said = capsys.readouterr().err
    assert "step 50: not_a_number" in said
    assert "Back to step 30 with learning rates times 0.5" in said
    assert steps_logged(here) == [1, 10, 20, 30, 40, 50, 60]
    assert drawn == [4, [0, 20, 40, 60]]
    reason = json.loads((here / "results/line/verdict.json").read_text())["reason"]
    assert reason.endswith("after going back once")


def test_a_checkpoint_belongs_to_exactly_its_settings(here):
    settings = load(here / "params.yaml").runs["line"].train
    images, kind = train.torch.zeros(3, 1, 1, 1), ("cpu", "float32")
    names = {
        train.identity(settings, 0, 1, kind, images),
        train.identity(settings, 1, 1, kind, images),
        train.identity(settings.model_copy(update={"steps": 61}), 0, 1, kind, images),
        train.identity(settings, 0, 1, kind, images + 1),
        train.identity(settings, 0, 1, ("cpu", "bf16"), images),
    }
    assert len(names) == 5


def with_pretraining(here, **changes) -> None:
    """20 steps of the last of G's two hidden layers, then 60 of both."""
    params = json.loads((here / "params.yaml").read_text())
    params["runs"]["line"]["train"] |= {"pretraining": {"steps": 20, "front": 1}, **changes}
    (here / "params.yaml").write_text(json.dumps(params))


def test_a_pretrained_g_starts_from_the_last_layers_of_the_first_game(here, monkeypatch, capsys):
    with_pretraining(here)
    finish, trainings = train.train_to_the_end, []

    def watch(name, training, *others):
        start = {key: w.clone() for key, w in training.G.net.body.state_dict().items()}
        D_of_it = training.D.vector.detach().clone()
        game = finish(name, training, *others)
        end = {key: w.clone() for key, w in training.G.net.body.state_dict().items()}
        trainings.append(((name, training.seed), start, end, D_of_it))
        return game

    monkeypatch.setattr(train, "train_to_the_end", watch)
    assert main(["train", "line"]) == 0
    (first, _, left, D_first), (name, found, _, D_second) = trainings
    assert (first, name) == (("line pretraining", -1), ("line", 0))  # no run has a negative seed
    assert left["hidden.0.linear.weight"].shape == (32, 32)  # its noise has as many dimensions
    assert found["hidden.0.linear.weight"].shape == (32, 1)
    for key, weights in left.items():
        assert torch.equal(weights, found[key.replace("hidden.0", "hidden.1")])
    assert not torch.equal(D_first, D_second)
    assert [line.split("\t")[0] for line in rows(here)] == ["50", "60"]
    assert capsys.readouterr().err.count(" healthy: ") == 2
    assert main(["sample", "line"]) == 0


def rows(here) -> list[str]:
    return (here / "results/line/training.tsv").read_text().splitlines()[1:]


@pytest.mark.parametrize("crash_at", [7, 20, 47])
def test_a_crashed_pretraining_goes_on_bit_for_bit(
    here, uninterrupted_pretrained, monkeypatch, capsys, crash_at
):
    """`crash_at`: steps of both games together."""
    with_pretraining(here)
    advance, steps = Training.advance, []

    def crash(self):
        if len(steps) == crash_at:
            raise RuntimeError("the power failed")
        steps.append(self.step)
        return advance(self)

    monkeypatch.setattr(loop, "CHECKPOINT_SECONDS", 0)
    with monkeypatch.context() as patch:
        patch.setattr(Training, "advance", crash)
        with pytest.raises(RuntimeError):
            main(["train", "line"])
    capsys.readouterr()
    assert main(["train", "line"]) == 0
    said = capsys.readouterr().err
    assert f"resuming at step {min(crash_at, 20)} of 20" in said
    assert ("resuming at step 27 of 60" in said) == (crash_at == 47)
    assert made(here) == uninterrupted_pretrained
    assert not list((here / ".checkpoints").iterdir())


def test_a_pretraining_that_came_to_its_end_is_not_played_again(here, monkeypatch, capsys):
    """Also if it was over before its first checkpoint was due."""
    with_pretraining(here)
    advance = Training.advance

    def crash(self):
        if self.settings.pretraining and self.step == 10:
            raise RuntimeError("the power failed")
        return advance(self)

    with monkeypatch.context() as patch:
        patch.setattr(Training, "advance", crash)
        with pytest.raises(RuntimeError):
            main(["train", "line"])
    assert main(["train", "line"]) == 0
    assert capsys.readouterr().err.count("resuming at step 20 of 20") == 1


def test_a_stopped_pretraining_keeps_its_verdict_and_samples(here, monkeypatch):
    advance = Training.advance

    def overflow(self):
        seen = advance(self)
        return seen | {"g_loss": torch.tensor(torch.nan)} if self.step == 15 else seen

    with_pretraining(here, log_steps=5, monitor={"policy": "stop", "good_steps": 5})
    monkeypatch.setattr(Training, "advance", overflow)
    assert main(["train", "line"]) == 0
    verdict = json.loads((here / "results/line/verdict.json").read_text())
    assert verdict["verdict"] == "not_a_number"
    assert verdict["steps"] == 10
    assert main(["sample", "line"]) == 0
    assert np.isfinite(np.load(here / "results/line/samples.npy")).all()


def test_a_damaged_checkpoint_is_set_aside_and_the_bits_stay_the_same(
    here, uninterrupted, monkeypatch, capsys
):
    with power.failing(monkeypatch, lambda training: training.step == 30):
        main(["train", "line"])
    (checkpoint,) = (here / ".checkpoints").glob("*/checkpoint.pt")
    content = bytearray(checkpoint.read_bytes())
    content[len(content) // 2] ^= 1
    checkpoint.write_bytes(content)
    capsys.readouterr()
    assert main(["train", "line"]) == 0
    said = capsys.readouterr().err
    assert f"{checkpoint.relative_to(here)} is damaged" in said
    assert "resuming at step 29 of 60" in said
    assert made(here) == uninterrupted
    (kept,) = (here / ".checkpoints").glob("*-damaged-1/checkpoint.pt")
    assert kept.read_bytes() == content
