import copy
from pathlib import Path

import pytest
from ruamel.yaml import YAML

from pipeline.config.models import FAMILIES, settings_of
from pipeline.config.params import Params, load, validate
from pipeline.errors import ConfigError
from tests.conftest import ROOT
from tests.models.examples import EXAMPLES

RECIPES = [ROOT / "params.yaml", *sorted((ROOT / "recipes").glob("*.yaml"))]


def quick() -> dict:
    return YAML(typ="safe").load((ROOT / "recipes/quick.yaml").read_text())


def complaint(change) -> str:
    content = quick()
    change(content)
    with pytest.raises(ConfigError) as error:
        validate(content, "params.yaml")
    return str(error.value)


def make_hybrid(content: dict, name: str = "vae", **more) -> None:
    train = content["runs"]["digits"]["train"]
    train.update(autoencoder={"name": name, "encoder": train["discriminator"]}, **more)


@pytest.mark.parametrize("recipe", RECIPES, ids=lambda path: path.stem)
def test_every_recipe_is_valid(recipe: Path):
    assert load(recipe).runs


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        (
            lambda p: p["runs"]["digits"]["train"].update(batchsize=3),
            "runs.digits.train.batchsize: unknown key (did you mean batch_size?)",
        ),
        (
            lambda p: p["runs"]["digits"]["train"].update(steps=0),
            "runs.digits.train.steps: found 0, must be greater than 0",
        ),
        (
            lambda p: p["runs"]["digits"]["train"].update(steps="600"),
            "runs.digits.train.steps: found '600', must be a valid integer",
        ),
        (
            lambda p: p["runs"]["digits"]["train"]["generator"].update(noise_when_sampling=True),
            "runs.digits.train.generator: noise_when_sampling is true, but noise_std is 0",
        ),
        (
            lambda p: (
                p["runs"]["digits"]["train"]["noise"].update(dim=1),
                p["runs"]["digits"]["sample"].update(interpolation="great_circle"),
            ),
            "runs.digits: sample.interpolation is great_circle, but train.noise.dim is 1",
        ),
        (
            lambda p: p["runs"]["digits"]["sample"].update(interpolation="slerp"),
            "runs.digits.sample.interpolation: found 'slerp', must be 'auto', 'great_circle' or 'line'",
        ),
        (
            lambda p: p["runs"]["digits"]["train"]["generator"].update(net_depth=3),
            "runs.digits.train.generator.net_depth: unknown key; allowed here: init,",
        ),
        (
            lambda p: p["runs"]["digits"]["train"]["discriminator"].update(name="r3gan"),
            "runs.digits.train.discriminator.hidden: a key of mlp and maxout_conv, not of r3gan; leave it out "
            "(r3gan has filters, growth, blocks, expansion, group)",
        ),
        (
            lambda p: p["runs"]["digits"]["train"]["generator"]["optimizer"].update(name="adamw"),
            "runs.digits.train.generator.optimizer.name: found 'adamw', must be one of 'sgd', 'adam'",
        ),
        (
            lambda p: p["datasets"]["digits"]["source"].update(name="imagenet"),
            "datasets.digits.source.name: found 'imagenet', must be one of 'mnist',",
        ),
        (
            lambda p: p["runs"]["digits"].update(dataset="nowhere"),
            "runs.digits.dataset is 'nowhere'; known datasets: digits, line",
        ),
        (
            lambda p: p["runs"]["digits"].pop("model"),
            "params.yaml: runs.digits.model is missing, the family that is trained. If the file is of an "
            "earlier version, next: python -m pipeline upgrade",
        ),
        (
            lambda p: p["runs"]["digits"].update(model="gann"),
            f"runs.digits.model: found 'gann', must be one of {', '.join(FAMILIES)} (did you mean gan?)",
        ),
        (lambda p: p["runs"]["digits"].pop("parzen"), "runs.digits.parzen: missing"),
        (lambda p: p.update(run={}), "run: unknown key (did you mean runs?)"),
        (lambda p: p.update(runs={}), "runs: holds 0 entries, must hold 1 or more"),
        (
            lambda p: p["runs"]["digits"]["train"].update(ema=None),
            "runs.digits: sample.weights is ema, but train.ema is not set",
        ),
        (
            lambda p: p["runs"]["digits"]["train"].update(
                update="simultaneous", discriminator_steps=2
            ),
            "discriminator_steps is 2, use 1 or update: alternating",
        ),
        (
            lambda p: p["runs"]["digits"]["train"].update(generator_steps=0),
            "runs.digits.train.generator_steps: found 0, must be greater than 0",
        ),
        (
            lambda p: p["runs"]["digits"]["train"].update(discriminator_steps=0),
            "runs.digits.train.discriminator_steps.0.k: found 0, must be greater than 0",
        ),
        (
            lambda p: p["runs"]["digits"]["train"].update(
                discriminator_steps=[{"from_step": 5, "k": 1}]
            ),
            "discriminator_steps starts at steps 5; the first must be 0",
        ),
        (
            lambda p: p["runs"]["digits"]["train"].update(
                discriminator_steps=[{"from": 0, "k": 1}]
            ),
            "discriminator_steps.0.from: unknown key (did you mean from_step?)",
        ),
        (
            lambda p: p["runs"]["digits"]["train"].update(
                update="simultaneous", replay={"share": 0.5}
            ),
            "replay does not go with update: simultaneous: it shows D other samples than those that",
        ),
        (
            lambda p: p["runs"]["digits"]["train"].update(
                update="simultaneous", past_players={"every_steps": 100}
            ),
            "past_players does not go with update: simultaneous: it shows D other samples",
        ),
        (
            lambda p: p["runs"]["digits"]["train"].update(update="simultaneous", fresh_noise=False),
            "update: simultaneous does not go with fresh_noise: false: that update takes one z for both",
        ),
        (
            lambda p: p["runs"]["digits"]["train"].update(
                fresh_noise=False, past_players={"every_steps": 100}
            ),
            "past_players does not go with fresh_noise: false: G would learn from samples of an older G",
        ),
        (
            lambda p: p["runs"]["digits"]["train"].update(replay={"size": 99}),
            "replay.size is 99; it must be at least batch_size, 100",
        ),
        (
            lambda p: p["runs"]["digits"]["train"].update(past_players={"every_steps": 20}),
            "train.past_players: for_steps is 20; it must be less than every_steps, 20",
        ),
        (
            lambda p: make_hybrid(p, noise={"prior": "uniform", "dim": 32}),
            "autoencoder: the encoder of vae gives a normal distribution, and noise.prior is uniform",
        ),
        (
            lambda p: make_hybrid(p, update="simultaneous"),
            "autoencoder does not go with update: simultaneous: E learns with G, after D; use update: alt",
        ),
        (
            lambda p: make_hybrid(p, feature_matching={}),
            "feature_matching does not go with autoencoder: vae: G learns from pixels alone",
        ),
        (
            lambda p: make_hybrid(p, "vae_gan", labels={"real": 0.9}),
            "labels does not go with autoencoder: the hybrids' own steps do not know of it; leave one",
        ),
        (
            lambda p: p["runs"]["digits"]["train"].update(pretraining={"steps": 10}),
            "pretraining.front is 2, but generator.hidden has 2 layers, of which one at least",
        ),
        (
            lambda p: p["runs"]["digits"]["train"].update(
                pretraining={"steps": 10, "front": 1}, conditional={}
            ),
            "conditional does not go with pretraining: the game of the last layers knows neither classes",
        ),
        (
            lambda p: p["runs"]["digits"]["train"].update(labels={"real": [0.9, 1.2]}),
            "train.labels: the targets have means 1.05 (real) and 0 (fake)",
        ),
        (
            lambda p: p["runs"]["digits"]["train"].update(labels={"real": [1.2, 0.7]}),
            "train.labels: real is [1.2, 0.7]; the lower end comes first",
        ),
        (
            lambda p: p["runs"]["digits"]["train"].update(labels={"flip": 0.5}),
            "train.labels.flip: found 0.5, must be less than 0.5",
        ),
        (
            lambda p: p["runs"]["digits"]["train"].update(monitor={"policy": "restart"}),
            "train.monitor.policy: found 'restart', must be ",
        ),
        (
            lambda p: p["runs"]["line"]["train"].update(devices=3),
            "runs.line.train: batch_size is 128, which 3 devices cannot share equally, two images each "
            "at least; set it to 126 or 129",
        ),
        (
            lambda p: p["runs"]["line"]["train"].update(devices=2),
            "runs.line: threads is 1, but train.devices is 2: they share the threads, so set threads: 2",
        ),
        (
            lambda p: p["runs"]["line"]["train"].update(devices=2, compile=True),
            "several devices does not go with compile: compiled nets are for one device; use devices: 1",
        ),
        (
            lambda p: p["runs"].update({"my-run": copy.deepcopy(p["runs"]["line"])}),
            "runs.my-run: a name starts with a letter",
        ),
        (
            lambda p: p["datasets"]["line"]["source"].update(std=0.5),
            "datasets.line.source: |mean| + 6 std is 3.25; it must stay within 1",
        ),
    ],
)
def test_a_wrong_value_is_named_with_its_path_and_what_is_allowed(change, expected):
    assert expected in complaint(change)


def test_all_mistakes_are_reported_at_once():
    def change(p):
        p["runs"]["digits"]["train"]["steps"] = 0
        p["runs"]["line"]["sample"]["count"] = -1

    message = complaint(change)
    assert "runs.digits.train.steps" in message
    assert "runs.line.sample.count: found -1, must be greater than or equal to 6" in message


def test_numbers_are_read_as_dvc_reads_them(tmp_path: Path):
    """YAML 1.1 takes 1e-3 for a string; DVC and this project read YAML 1.2."""
    file = tmp_path / "params.yaml"
    file.write_text((ROOT / "recipes/quick.yaml").read_text().replace("lr: 1e-3", "lr: 1e-4"))
    assert load(file).runs["line"].train.generator.optimizer.lr == 1e-4


def test_settings_cannot_be_changed_after_validation():
    params = Params.model_validate(quick())
    with pytest.raises(ValueError, match="frozen"):
        params.runs["digits"].train.steps = 5


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a: [1,", "is not valid YAML"),
        ("<<<<<<< HEAD\na: 1\n=======\na: 2\n>>>>>>> other\n", "has merge markers"),
        ("a: 1\na: 2\n", "is not valid YAML"),
        ("runs: &all\n  a: {of: [1, *all]}\n", "has a block that contains itself"),
    ],
)
def test_a_broken_file_is_named(tmp_path: Path, text: str, expected: str):
    file = tmp_path / "params.yaml"
    file.write_text(text)
    with pytest.raises(ConfigError, match=expected):
        load(file)


def test_a_missing_file_comes_with_the_next_step(tmp_path: Path):
    with pytest.raises(ConfigError, match=r"cp recipes/quick\.yaml"):
        load(tmp_path / "params.yaml")


def test_the_family_says_what_train_may_hold():
    content, train = quick(), EXAMPLES["autoregressive"]
    content["runs"]["digits"] |= {"model": "autoregressive", "train": train, "sample": {}}
    run = validate(content, "params.yaml").runs["digits"]
    assert run.train == settings_of("autoregressive").model_validate(train)
    assert run.model_dump(mode="json")["train"]["binarize"] == "dynamic"
    assert "noise" not in run.model_dump(mode="json")["train"]


def test_a_setting_of_another_family_is_named_with_both():
    def bits_in_a_gan(content: dict) -> None:
        content["runs"]["digits"]["train"]["binarize"] = "fixed"

    def noise_in_a_belief_net(content: dict) -> None:
        content["runs"]["digits"] |= {
            "model": "autoregressive",
            "train": {**EXAMPLES["autoregressive"], "steps": 0, "noise": {}, "stepz": 1},
        }

    assert complaint(bits_in_a_gan).splitlines()[1:] == [
        "  runs.digits.train.binarize: a setting of model: autoregressive, and this run's model is gan; leave "
        "it out, or set model: autoregressive"
    ]
    assert complaint(noise_in_a_belief_net).splitlines()[1:] == [
        "  runs.digits.train.steps: found 0, must be greater than 0",
        "  runs.digits.train.noise: a setting of model: gan, and this run's model is autoregressive; leave it out, or "
        "set model: gan",
        "  runs.digits.train.stepz: unknown key (did you mean steps?)",
    ]


LEAST = {
    "steps": 600,
    "batch_size": 100,
    "generator": {
        "hidden": [256],
        "activation": "relu",
        "output": "tanh",
        "init": {"name": "he"},
        "optimizer": {"name": "adam", "lr": 1e-3},
    },
    "discriminator": {
        "hidden": [128],
        "activation": "relu",
        "init": {"name": "he"},
        "optimizer": {"name": "adam", "lr": 1e-3},
    },
}


def test_inside_its_blocks_a_run_may_leave_out_what_has_a_default():
    """Even with fewer validation images, 300, than the default of parzen chooses sigma on, 1,000."""
    content = quick()
    content["runs"]["digits"].update(train=LEAST, sample={}, parzen={})
    run = validate(content, "params.yaml").runs["digits"]
    assert run.sample.count == run.parzen.samples == 10_000


@pytest.mark.parametrize("block", ["sample", "parzen"])
def test_a_block_left_empty_or_out_is_named_with_what_to_write(block: str):
    """DVC refuses a run without it, so the pipeline does, too."""
    said = complaint(lambda content: content["runs"]["digits"].update({block: None}))
    assert f"runs.digits.{block}: found nothing; write {{}} to take every default" in said
    said = complaint(lambda content: content["runs"]["digits"].pop(block))
    assert f"runs.digits.{block}: missing" in said
