"""No setting is accepted that would do nothing, or something else than it says."""

from pathlib import Path

import pytest
import yaml

from pipeline import cli
from pipeline.config.fitting import RESERVED
from pipeline.config.models.common.courses import Course
from pipeline.config.models.common.optimizers import Momentum
from pipeline.config.models.gan import exclusions
from pipeline.config.models.gan.nets import MlpGenerator
from pipeline.config.models.gan.train import Train
from pipeline.config.notes import notes
from pipeline.config.params import validate
from pipeline.models.common import optimizers
from tests.config.test_params import complaint, make_hybrid, quick
from tests.conftest import ROOT

TFD = {"source": {"name": "tfd", "path": "TFD_48x48.mat"}, "normalize": {}}


def train(**changes):
    return lambda content: content["runs"]["digits"]["train"].update(changes)


REJECTION = {"rejection": {"accepted": 0.5}}


def run_of(content, **sections) -> None:
    for key, changes in sections.items():
        content["runs"]["digits"][key].update(changes)


def on_tfd(content, **parzen) -> None:
    content["datasets"]["digits"] = TFD
    content["runs"]["digits"]["parzen"] = parzen


def with_labels(content, **sections) -> None:
    content["runs"]["digits"]["train"]["conditional"] = {}
    run_of(content, **sections)


def optimizer(**changes):
    return lambda content: content["runs"]["digits"]["train"]["generator"]["optimizer"].update(
        changes
    )


def source(**changes):
    return lambda content: content["datasets"]["line"]["source"].update(changes)


def parzen(**changes):
    return lambda content: run_of(content, parzen=changes)


DCGAN = {"name": "dcgan", "kernel": 7, "output": "tanh", "optimizer": {"name": "adam", "lr": 1e-3}}
DECAYING = {
    "hidden": [8],
    "activation": "relu",
    "output": "tanh",
    "init": {"name": "he"},
    "optimizer": {"name": "adam", "lr": 1e-3, "weight_decay": 0.1, "decayed": "before_norms"},
}
REFUSED = {
    "an embedding of classes that no player has": (
        train(
            conditional={"embedding": 9, "generator": "batch_norm", "discriminator": "projection"}
        ),
        "conditional: embedding has no effect with generator: batch_norm",
    ),
    "kernels of pixel shuffle": (
        lambda content: run_of(content, train={"generator": DCGAN | {"up": "pixel_shuffle"}}),
        "kernel is 7, but up: pixel_shuffle has kernels of 3; leave kernel out",
    ),
    "weights that would not decay": (
        optimizer(decayed="before_norms"),
        "optimizer: decayed is before_norms, but weight_decay is 0; set weight_decay, too",
    ),
    "norms that are not there": (
        lambda content: run_of(content, train={"generator": DECAYING | {"norm": "none"}}),
        "decayed: before_norms is of an mlp or dcgan whose hidden layers have a norm, and this is mlp with norm: none",
    ),
    "noise that would stop at once": (
        train(instance_noise={"start": 0.5}),
        "train.instance_noise: goes from start, 0.5, to end, 0, and steps is missing",
    ),
    "the likelihood of images without levels": (
        lambda content: (
            make_hybrid(content),
            content["datasets"]["digits"]["normalize"].update(gcn=55.0),
        ),
        "a vae's likelihood is of images of 256 grey levels, and its dataset is contrast-normalised",
    ),
    "a momentum that would jump": (
        optimizer(name="sgd", momentum={"start": 0.5, "end": 0.7}),
        "optimizer.momentum: goes from start, 0.5, to end, 0.7, and saturate_epochs is missing",
    ),
    "an average never taken": (
        train(ema={"name": "power", "every_steps": 601}),
        "ema.every_steps is 601 and steps 600: nothing would be averaged",
    ),
    "an average of statistics": (
        lambda c: (
            train(discriminator_ema={"name": "power"})(c),
            c["runs"]["digits"]["train"]["discriminator"].update(norm="batch"),
        ),
        "discriminator_ema needs a D without BatchNorm",
    ),
    "a loss whose place is taken": (
        train(feature_matching={"alone": True}, loss="minimax"),
        "loss: minimax does not go with feature_matching.alone",
    ),
    "targets of a critic": (
        train(loss="hinge", labels={"real": 0.9}),
        "labels does not go with loss: hinge, least_squares, wasserstein or relativistic: targets and",
    ),
    "a critic without limits": (
        train(loss="wasserstein"),
        "loss: wasserstein has no best D unless D's slope is limited, and D's loss falls for ever; set",
    ),
    "a probability asked of a critic": (
        train(loss="relativistic", balance={"train_discriminator_above": 1.0}),
        "balance does not go with loss: hinge, least_squares, wasserstein or relativistic",
    ),
    "two limits of one slope": (
        train(loss="wasserstein", gradient_penalty={}, weight_clip=0.01),
        "weight_clip does not go with gradient_penalty: either limits D's slope",
    ),
    "points between images of two classes": (
        train(gradient_penalty={}, conditional={}),
        "conditional.discriminator does not go with gradient_penalty: it asks for D's slope at points",
    ),
    "slopes in a D that mixes images": (
        lambda p: p["runs"]["digits"]["train"].update(
            gradient_penalty={},
            discriminator={**p["runs"]["digits"]["train"]["discriminator"], "norm": "batch"},
        ),
        "discriminator.norm: batch does not go with gradient_penalty",
    ),
    "a penalty on compiled nets": (
        train(compile=True, gradient_penalty={}),
        "gradient_penalty does not go with compile: a penalty on D's slope differentiates D twice",
    ),
    "a penalty of no weight": (
        train(r2={"gamma": 0}),
        "train.r2.gamma: found 0, which has no effect; leave the whole block out, or set more",
    ),
    "a weight that is a word": (
        train(r1={"gamma": "high"}),
        "train.r1.gamma: found 'high', must be a number or {start, end, steps}",
    ),
    "a course without its length": (
        train(r1={"gamma": {"start": 10, "end": 1}}),
        "train.r1.gamma: goes from start, 10, to end, 1, and steps is missing",
    ),
    "a beta of 1": (
        optimizer(beta2={"start": 0.9, "end": 1.0, "steps": 10}),
        "generator.optimizer.beta2: found 1, must be less than 1",
    ),
    "points that are moved": (
        lambda p: p["runs"]["line"]["train"].update(consistency={}),
        "runs.line.train.consistency.shift is 1, and images have 1 x 1 pixels: nothing of them would be left",
    ),
    "points that are judged by others": (
        lambda p: p["runs"]["line"]["train"]["discriminator"].update(minibatch_discrimination={}),
        "runs.line.train.discriminator.minibatch_discrimination is for images; for points of a mixture D is compared",
    ),
    "joint batches of single images": (
        train(batches="joint"),
        "batches: joint changes nothing, because this D looks at every image by itself; set "
        "discriminator.norm: batch or discriminator.minibatch_discrimination",
    ),
    "a device of its own, the same anywhere": (
        train(reproducible="anywhere"),
        "train: reproducible: anywhere is for one processor, in float32, and device is auto: set device: cpu, or",
    ),
    "a precision of its own, the same anywhere": (
        train(reproducible="anywhere", device="cpu", precision="auto"),
        "precision is auto: set precision: float32, or reproducible: here",
    ),
    "compiled for this processor, the same anywhere": (
        train(reproducible="anywhere", device="cpu", compile=True),
        "compile is true: set compile: false, or reproducible: here",
    ),
    "sums of a contrast normalisation, the same anywhere": (
        lambda content: content["datasets"]["digits"].update(
            reproducible="anywhere", normalize={"validation_images": 300, "gcn": 55.0}
        ),
        "datasets.digits: reproducible: anywhere does not go with normalize.gcn",
    ),
    "a sphere of two points": (
        train(noise={"prior": "sphere", "dim": 1}),
        "train.noise: noise.dim is 1, where a sphere is two points",
    ),
    "classes that nothing asks for": (
        train(conditional={"discriminator": False}),
        "conditional.discriminator is false, so nothing asks whether a sample is of the class",
    ),
    "a consistency of images in other company": (
        lambda p: p["runs"]["digits"]["train"].update(
            consistency={},
            batches="joint",
            discriminator={**p["runs"]["digits"]["train"]["discriminator"], "norm": "batch"},
        ),
        "batches: joint does not go with consistency: the moved images are judged without samples beside them",
    ),
    "pieces of no maxout unit": (
        lambda p: p["runs"]["digits"]["train"]["generator"].update(pieces=3),
        "generator: pieces is 3, but no layer is maxout; leave pieces out",
    ),
    "a clip of no bias": (
        lambda p: p["runs"]["digits"]["train"]["generator"].update(output_bias_clip=1e-3),
        "generator: output_bias_clip is 0.001, but output_bias is zeros; leave it out",
    ),
    "a rate below its floor": (
        optimizer(
            lr=1e-3, schedule={"name": "exponential", "factor_per_update": 1.1, "floor": 1e-2}
        ),
        "generator.optimizer: schedule.floor is 0.01 and lr 0.001: the rate would be the floor from the first",
    ),
    "no share": (train(replay={"share": 0}), "train.replay.share: found 0, must be greater than 0"),
    "no balance": (
        train(balance={}),
        "train.balance: set train_discriminator_above, train_generator_above, or both",
    ),
    "a balance at 0": (
        train(balance={"train_discriminator_above": 0}),
        "balance.train_discriminator_above: found 0, must be greater than 0",
    ),
    "a loss that is never above 0": (
        train(balance={"train_generator_above": 0.1}, loss="minimax"),
        "loss: minimax does not go with balance.train_generator_above",
    ),
    "TFD's validation images": (
        lambda p: on_tfd(p, validation_images=100),
        "runs.digits.parzen.validation_images: TFD's folds say which images validate and test",
    ),
    "TFD's test images": (
        lambda p: on_tfd(p, test_images=100),
        "runs.digits.parzen.test_images: TFD's folds say which",
    ),
    "TFD's classes": (
        lambda p: (on_tfd(p), with_labels(p)),
        "runs.digits.train.conditional needs labels, which TFD's training images have not got",
    ),
    "rows that are classes": (
        lambda p: with_labels(p, sample={"grid_rows": 5}),
        "runs.digits: sample.grid_rows: the picture of a conditional G has a row for each class",
    ),
    "draws of no posterior": (
        lambda p: run_of(p, sample={"importance_samples": 9}),
        "runs.digits: sample.importance_samples is of the bound of a VAE's likelihood; leave it out",
    ),
    "a critic asked for a probability": (
        lambda p: run_of(p, sample=REJECTION, train={"loss": "hinge"}),
        "runs.digits: sample.rejection asks D for a probability, and with train.loss: hinge it is a critic",
    ),
    "a D of other targets asked for a ratio of densities": (
        lambda p: run_of(p, sample=REJECTION, train={"labels": {"real": 0.9}}),
        "runs.digits: sample.rejection asks D how much likelier data are than samples, and with train.labels its",
    ),
    "a D that judges batches asked about one sample": (
        lambda p: (
            run_of(p, sample=REJECTION),
            p["runs"]["digits"]["train"]["discriminator"].update(minibatch_discrimination={}),
        ),
        "runs.digits: sample.rejection asks D about one sample, and with minibatch_discrimination it",
    ),
    "too few images to choose sigma on": (
        parzen(validation_images=301),
        "runs.digits.parzen.validation_images is 301, but digits has 300: set it to that or less, or "
        "datasets.digits.normalize.validation_images to more",
    ),
    "nothing left to train on": (
        lambda p: p["datasets"]["digits"]["normalize"].update(validation_images=1_500),
        "datasets.digits: normalize.validation_images is 1,500, but the source has 1,500 training images",
    ),
    "no point left to train on": (
        source(train_points=1_000),
        "datasets.line: normalize.validation_images is 1,000, but the source has 1,000 training",
    ),
    "a batch larger than the data": (
        train(batch_size=1_201),
        "runs.digits.train.batch_size is 1,201, but there are only 1,200 training images; set it to",
    ),
    "a last minibatch of one image": (
        train(batch_size=109, last_minibatch="trained"),
        "runs.digits.train.last_minibatch: trained gives the last minibatch of an epoch 1 of 1,200 images",
    ),
    "a last minibatch that devices cannot share": (
        lambda p: (
            p["runs"]["line"].update(threads=4),
            p["runs"]["line"]["train"].update(devices=4, batch_size=36, last_minibatch="trained"),
            p["datasets"]["line"]["source"].update(train_points=1_000 + 36 * 9 + 6),
        ),
        "runs.line.train.last_minibatch: trained gives the last minibatch of an epoch 6 of 330 images, and "
        "devices: 4 needs a number that it divides, two images each at least",
    ),
    "a rate with the sign of its exponent lost": (
        optimizer(lr=1e3),
        "generator.optimizer.lr: found 1000.0, must be less than or equal to 10",
    ),
    "a grid that ends beyond all floats": (
        parzen(sigma_grid={"log10_stop": 400}),
        "parzen.sigma_grid.log10_stop: found 400, must be less than or equal to 10",
    ),
    "a grid that starts at 0": (
        parzen(sigma_grid={"log10_start": -400}),
        "parzen.sigma_grid.log10_start: found -400, must be greater than or equal to -10",
    ),
    "a mixture of single points": (
        source(std=1e-300),
        "datasets.line.source.std: found 1e-300, must be greater than or equal to 0.00001",
    ),
    "a deviation that is 0 in float32": (
        lambda p: p["runs"]["line"]["train"]["generator"].update(
            init={"name": "normal", "std": 1e-60}
        ),
        "generator.init.std: found 1e-60, must be greater than or equal to 0.000000001",
    ),
    "noise that is infinite in float32": (
        train(instance_noise={"start": 1e60, "end": 0, "steps": 100}),
        "train.instance_noise.start: found 1e+60, must be less than or equal to 1000000000",
    ),
}


@pytest.mark.parametrize(("change", "expected"), REFUSED.values(), ids=REFUSED)
def test_what_would_surprise_is_refused_with_a_way_out(change, expected: str):
    assert expected in complaint(change)


UNDER_VAE = {
    "replay": {},
    "balance": {"train_discriminator_above": 1.0},
    "r1": {},
    "loss": "minimax",
    "feature_matching": {},
    "pixel_matching": {"energy": 1},
}


@pytest.mark.parametrize("key", UNDER_VAE)
def test_a_vae_takes_no_tips_that_act_through_d(key: str):
    message = complaint(
        lambda p: make_hybrid(p, noise={"prior": "gaussian", "dim": 32}, **{key: UNDER_VAE[key]})
    )
    assert f"{key} does not go with autoencoder: vae: G learns from pixels alone" in message


def test_every_name_in_the_table_of_exclusions_is_a_setting():
    """A mistyped name would exclude nothing, or break every run."""
    settings = Train.model_validate(quick()["runs"]["digits"]["train"])
    names = {name for first, others, _ in exclusions.TABLE for name in (first, *others)}
    assert not any(exclusions.is_asked_for(settings, name) for name in names)


def test_a_start_alone_stays():
    stays = Momentum.model_validate({"start": 0.9})
    assert [optimizers.momentum(stays, epoch) for epoch in (0, 1, 250)] == [0.9, 0.9, 0.9]
    assert Course(start=0.5, end=0.5).end == 0.5


def test_settings_survive_the_way_through_a_model_file():
    """Written with all defaults, they are read as the same settings."""
    settings = Train.model_validate(quick()["runs"]["digits"]["train"])
    assert Train.model_validate(settings.model_dump(mode="json")) == settings


def noted(change) -> list[str]:
    content = quick()
    change(content)
    return notes(validate(content, "params.yaml"))


def as_vae(content) -> None:
    make_hybrid(content, loss="non_saturating")


NOTED = {
    "an average that nothing samples": (
        lambda p: run_of(p, sample={"weights": "raw"}),
        "runs.digits.train.ema is set, but samples are drawn from the last weights",
    ),
    "a loss whose place is taken": (
        train(feature_matching={"alone": True}, loss="non_saturating"),
        "runs.digits.train.loss has no effect beside feature_matching.alone; leave it out",
    ),
    "an augmentation that is never applied": (
        train(augmentation={"cutout": 0.5, "p": 0.0}),
        "runs.digits.train.augmentation.p is 0, so D sees images as they are",
    ),
    "a slope of a batch": (
        lambda p: (
            train(r1={"gamma": 1.0})(p),
            p["runs"]["digits"]["train"]["discriminator"].update(norm="batch"),
        ),
        "runs.digits.train.r1: with BatchNorm an image moves what D says of the others, too",
    ),
    "players that never return": (
        train(past_players={"every_steps": 300}),
        "runs.digits.train.past_players: the first pair returns after 600 steps, of 600",
    ),
    "samples that never return": (
        train(replay={"size": 10**6}),
        "runs.digits.train.replay.size is 1,000,000, and G draws",
    ),
    "steps of D after the end": (
        train(discriminator_steps=[{"from_step": 0, "k": 1}, {"from_step": 600, "k": 2}]),
        "runs.digits.train.discriminator_steps: from_step 600 is after the last of 600 steps",
    ),
    "a rate that is not reached": (
        optimizer(schedule={"name": "cosine", "warmup_steps": 601}),
        "runs.digits.train.generator.optimizer.schedule.warmup_steps is 601, so the rate does not reach lr",
    ),
    "a loss of a vae": (as_vae, "runs.digits.train.loss has no effect in a vae"),
    "fewer real images than asked for": (
        parzen(real_data_images=1_201),
        "runs.digits.parzen.real_data_images is 1,201, but digits has 1,200 training images: all of "
        "them are used; set it to 1200",
    ),
    "fewer test images than asked for": (
        parzen(test_images=298),
        "runs.digits.parzen.test_images is 298, but digits has 297 test images",
    ),
    "a model for all processors on features of one": (
        train(reproducible="anywhere", device="cpu"),
        "runs.digits.train.reproducible is anywhere, but FID and its like are measured on features of digits",
    ),
}


@pytest.mark.parametrize(("change", "expected"), NOTED.values(), ids=NOTED)
def test_what_does_less_than_it_says_is_noted(change, expected: str):
    (note,) = noted(change)
    assert note.startswith(expected)


def test_nothing_is_noted_of_a_recipe_as_shipped():
    assert noted(lambda content: None) == []


@pytest.mark.parametrize("kind", ["runs", "datasets"])
@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("scores", "the project keeps files of its own under this name; choose another"),
        ("Table", "the project keeps files of its own under this name"),
        ("a" * 101, "a name of 101 characters; files are named after it, so use 100 or fewer"),
        ("LINE", "differ in capitals only"),
    ],
)
def test_names_that_files_cannot_have_are_refused(kind: str, name: str, expected: str):
    message = complaint(lambda p: p[kind].update({name: p[kind]["line"]}))
    assert f"{kind}.{name[:20]}" in message
    assert expected in message


def test_a_name_of_a_hundred_characters_is_taken():
    content = quick()
    content["runs"]["a" * 100] = content["runs"]["line"]
    assert "a" * 100 in validate(content, "params.yaml").runs


def test_every_file_of_all_runs_together_has_a_reserved_name():
    stages = yaml.safe_load((ROOT / "dvc.yaml").read_text())["stages"].values()
    stages = [stage.get("do", stage) for stage in stages]
    outputs = [
        out
        for stage in stages
        for part in ("outs", "metrics", "plots")
        for out in stage.get(part, [])
    ]
    paths = [Path(next(iter(out)) if isinstance(out, dict) else out) for out in outputs]
    ours = {path.parts[1].split(".")[0] for path in paths if path.parts[0] == "results"}
    assert ours - {"${key}"} == set(RESERVED)


def test_check_writes_its_notes_beside_its_result(tmp_path, capsys):
    content = quick()
    content["runs"]["digits"]["sample"]["weights"] = "raw"
    file = tmp_path / "params.yaml"
    file.write_text(yaml.safe_dump(content))
    assert cli.main(["check", "--file", str(file)]) == 0
    said = capsys.readouterr()
    assert "is valid: 2 datasets, 2 runs" in said.out
    assert said.err.startswith("note: runs.digits.train.ema is set, but samples are drawn from")


def test_a_setting_without_effect_is_accepted_at_whatever_default_it_has():
    class Other(MlpGenerator):
        pieces: int = 3
        output_bias_clip: float = 1e-3

    G = quick()["runs"]["digits"]["train"]["generator"]
    assert Other.model_validate({"name": "mlp", **G}).pieces == 3
