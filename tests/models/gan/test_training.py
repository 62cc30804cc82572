import pytest
import torch

from pipeline.compute import precision as chosen
from pipeline.compute.streams import generator
from pipeline.config.models.common.courses import Course
from pipeline.config.models.gan.train import Train
from pipeline.config.params import load
from pipeline.errors import TrainingError
from pipeline.models.common.batches import Batches
from pipeline.models.gan.game.instance_noise import InstanceNoise
from pipeline.models.gan.training import Training
from tests.conftest import ROOT

CPU = torch.device("cpu")


def shrunk(recipe: str, run: str) -> Train:
    """A recipe's settings with nets small enough to take steps in milliseconds."""
    train = load(ROOT / recipe).runs[run].train
    small = {"hidden": (12, 12)}
    return train.model_copy(
        update={
            "batch_size": 20,
            "generator": train.generator.model_copy(update=small),
            "discriminator": train.discriminator.model_copy(update=small),
        }
    )


def settings_with(changes: dict) -> Train:
    """A small game with some keys of `train` changed, as they are written in params.yaml."""
    adam = {"name": "adam", "lr": 2e-3}
    players = {
        "generator": {"hidden": [12], "activation": "relu", "norm": "batch", "output": "tanh"},
        "discriminator": {"hidden": [12], "activation": "maxout", "dropout_hidden": 0.3},
    }
    train: dict = {"steps": 20, "log_steps": 4, "batch_size": 20, "noise": {"dim": 8}}
    for name, player in players.items():
        usual = {**player, "init": {"name": "he"}, "optimizer": adam}
        train[name] = usual | changes.get(name, {})
    return Train.model_validate(train | {k: v for k, v in changes.items() if k not in players})


def game_of(**changes) -> Training:
    """A small training under some tips."""
    return Training(settings_with(changes), 0, images(), CPU)


RUNS = [
    ("params.yaml", "mnist"),
    ("params.yaml", "line"),
    ("recipes/paper.yaml", "paper"),
    ("recipes/quick.yaml", "digits"),
    ("recipes/quick.yaml", "line"),
]


def images(count: int = 110) -> torch.Tensor:
    return torch.rand(count, 1, 4, 4, generator=generator(0, "test")) * 2 - 1


def assert_resumes(settings: Train, tmp_path) -> None:
    """Eleven steps cross an epoch's end; the checkpoint passes through a file."""
    whole = Training(settings, 0, images(), CPU)
    for _ in range(11):
        whole.advance()

    first = Training(settings, 0, images(), CPU)
    for _ in range(5):
        first.advance()
    torch.save(first.state_dict(), tmp_path / "checkpoint.pt")
    second = Training(settings, 0, images(), CPU)
    second.load_state_dict(torch.load(tmp_path / "checkpoint.pt", weights_only=True))
    for _ in range(6):
        second.advance()

    expected, found = whole.weights(), second.weights()
    assert expected.keys() == found.keys()
    for name in expected:
        assert torch.equal(expected[name], found[name]), name


@pytest.mark.parametrize(("recipe", "run"), RUNS)
def test_resuming_gives_the_bits_of_an_uninterrupted_run(recipe: str, run: str, tmp_path):
    assert_resumes(shrunk(recipe, run), tmp_path)


ADAM = {"name": "adam", "lr": 2e-3}
RMSPROP = {"name": "rmsprop", "lr": 1e-3, "schedule": {"name": "linear"}}
SGD = {"name": "sgd", "lr": 0.05, "momentum": {"start": 0.5, "end": 0.9, "saturate_epochs": 3}}
TIPS: dict[str, dict] = {
    "soft labels": {"labels": {"real": [0.7, 1.2], "fake": [0.0, 0.3], "flip": 0.1}},
    "label flip": {"labels": {"real": 0.9}, "loss": "label_flip"},
    "minimax": {"loss": "minimax"},
    "hinge": {"loss": "hinge", "update": "simultaneous"},
    "least squares": {"loss": "least_squares", "replay": {"size": 30}},
    "wasserstein": {"loss": "wasserstein", "discriminator": {"spectral_norm": True}},
    "relativistic": {"loss": "relativistic", "r1": {"gamma": 1}, "fresh_noise": False},
    **{
        kind: {
            "noise": {"prior": "gaussian", "dim": 8},
            "autoencoder": {
                "name": kind,
                "encoder": {
                    "hidden": [12],
                    "activation": "relu",
                    "dropout_hidden": 0.2,
                    "init": {"name": "he"},
                    "optimizer": {"name": "adam", "lr": 2e-3},
                },
            },
        }
        for kind in ("vae", "vae_gan")
    },
    "replay": {"replay": {"share": 0.5, "size": 30}},
    "past players": {"past_players": {"every_steps": 2, "for_steps": 1, "keep": 2}},
    "balance": {"balance": {"train_discriminator_above": 1.0}},
    "schedule of k": {"discriminator_steps": [{"from_step": 0, "k": 3}, {"from_step": 6, "k": 1}]},
    "steps of G": {"generator_steps": 3, "fresh_noise": False},
    "steps of G, simultaneous": {"generator_steps": 2, "update": "simultaneous"},
    "feature matching": {"feature_matching": {"weight": 0.1}},
    "pixel matching": {"pixel_matching": {"energy": 0.1, "nearest": 0.1}},
    "historical averaging": {"historical_averaging": {"weight": 0.01}},
    "r1": {"r1": {"gamma": 10, "every_steps": 4}},
    "r3gan": {"loss": "relativistic", "r1": {}, "r2": {"gamma": 1, "every_steps": 2}},
    "gradient penalty": {"loss": "wasserstein", "gradient_penalty": {"every_steps": 2}},
    "clipped": {"loss": "wasserstein", "weight_clip": 0.1, "update": "simultaneous"},
    "consistency": {"consistency": {}, "update": "simultaneous"},
    "lecam": {"lecam": {"weight": {"start": 0, "end": 1, "steps": 8}}},
    "top k": {"top_k": {"steps": 8}, "orthogonal": {"weight": 0.1, "players": "both"}},
    "courses": {
        "generator": {
            "optimizer": {
                "name": "adam",
                "lr": 2e-3,
                "schedule": {"name": "cosine"},
                "beta2": {"start": 0.9, "end": 0.99, "steps": 8},
                "weight_decay": 0.1,
            }
        },
        "ema": {"name": "exponential", "decay": {"start": 0.5, "end": 0.9, "steps": 8}},
        "r1": {"gamma": {"start": 10, "end": 1, "steps": 8}},
    },
    "decay before norms": {
        "generator": {"optimizer": ADAM | {"weight_decay": 0.1, "decayed": "before_norms"}},
    },
    "ADA and a mirror": {
        "augmentation": {
            **{"translation": 0.25, "cutout": 0.5, "colour": True, "mirror": True},
            "ada": {"target": 0.1, "images": 300},
        },
        "r1": {"gamma": 1, "every_steps": 2},
    },
    "DiffAugment, simultaneous": {
        "augmentation": {"translation": 0.25, "p": 0.5},
        "update": "simultaneous",
    },
    "joint batches": {"batches": "joint", "discriminator": {"norm": "batch"}},
    "instance noise": {"instance_noise": {"start": 0.5, "end": 0.1, "steps": 8}},
    "last minibatch": {"last_minibatch": "trained"},
    "averages": {
        "ema": {"name": "exponential", "decay": 0.9},
        "discriminator_ema": {"name": "power", "every_steps": 2},
    },
    "rmsprop": {"generator": {"optimizer": RMSPROP}, "discriminator": {"optimizer": RMSPROP}},
    "sgd for D": {"discriminator": {"optimizer": SGD}},
    "simultaneous": {
        "update": "simultaneous",
        "labels": {"real": 0.9},
        "r1": {"gamma": 1},
        "historical_averaging": {"weight": 0.01},
    },
    "all at once": {
        "labels": {"real": [0.7, 1.2], "flip": 0.1},
        "loss": "label_flip",
        "replay": {"size": 30},
        "past_players": {"every_steps": 2, "for_steps": 1},
        "feature_matching": {},
        "pixel_matching": {"energy": 1},
        "historical_averaging": {"weight": 0.01},
        "r1": {"every_steps": 3},
        "discriminator_steps": 2,
    },
}


@pytest.mark.parametrize("tip", TIPS)
def test_resuming_with_a_tip_gives_the_bits_of_an_uninterrupted_run(tip: str, tmp_path):
    assert_resumes(settings_with(TIPS[tip]), tmp_path)


@pytest.mark.parametrize(("recipe", "run"), RUNS)
def test_looking_at_samples_does_not_move_training(recipe: str, run: str):
    settings = shrunk(recipe, run)
    blind, watched = (Training(settings, 0, images(), CPU) for _ in range(2))
    for _ in range(3):
        blind.advance()
        watched.sampler()(torch.zeros(2, settings.noise.dim))
        watched.advance()
    assert torch.equal(blind.G.vector, watched.G.vector)


def test_other_seeds_give_other_weights():
    settings = shrunk("recipes/quick.yaml", "digits")
    one, other = (Training(settings, seed, images(), CPU).weights() for seed in (0, 1))
    assert not torch.equal(one["generator.body.last.weight"], other["generator.body.last.weight"])


def test_averaged_batch_norm_statistics_belong_to_the_averaged_weights():
    settings = shrunk("recipes/quick.yaml", "digits")
    game = Training(settings, 0, images(), CPU)
    for _ in range(5):
        game.advance()
    G = game.sampler()
    z = game.draw(20_000, generator(1, "test")).z
    before_norm = G.body.hidden[0].linear(z)
    torch.testing.assert_close(
        G.body.hidden[0].norm.running_mean, before_norm.mean(dim=0), atol=0.05, rtol=0
    )


@pytest.mark.parametrize("low", ["bf16", "fp16"])
@pytest.mark.parametrize("update", ["alternating", "simultaneous"])
def test_products_in_16_bits_follow_the_float32_trajectory(update: str, low: str):
    """The same mathematics: after 20 steps the weights have moved the same way."""
    vectors = {}
    for precision in ("float32", low):
        settings = shrunk("recipes/paper.yaml", "paper").model_copy(
            update={"precision": precision, "update": update}
        )
        game = Training(settings, 0, images(), CPU)
        start = game.D.vector.detach().clone()
        for _ in range(20):
            game.advance()
        assert game.D.vector.dtype == torch.float32
        vectors[precision] = game.D.vector.detach() - start
    cosine = torch.cosine_similarity(vectors["float32"], vectors[low], dim=0)
    assert cosine.item() > 0.99


def test_instance_noise_decays_to_its_end_and_stays():
    noise = InstanceNoise(Course(start=0.5, end=0.1, steps=10), generator(0, "instance_noise"))
    assert [noise.settings.at(step) for step in (0, 5, 10, 99)] == pytest.approx(
        [0.5, 0.3, 0.1, 0.1]
    )


def test_every_image_is_seen_once_an_epoch_in_a_new_order():
    rows = torch.arange(10.0)
    batches = Batches(rows, None, 5, generator(0, "data"))
    epochs = [torch.cat([batches.next().images, batches.next().images]) for _ in range(2)]
    for epoch in epochs:
        assert torch.equal(epoch.sort().values, rows)
    assert not torch.equal(*epochs)
    assert batches.epoch == 1


def test_the_images_that_do_not_fill_a_minibatch_are_trained_on_where_asked():
    """The authors' CIFAR-10: 40,000 = 312 x 128 + 64; here 11 = 3 x 3 + 2."""
    rows = torch.arange(11.0)
    batches = Batches(rows, None, 3, generator(0, "data"), last_minibatch="trained")
    seen = 0
    for epoch in range(3):
        parts = []
        for index in range(4):
            assert batches.next_epoch == epoch
            parts.append(batches.next().images)
            seen += len(parts[-1])
            assert batches.images_in(4 * epoch + index + 1) == seen
        assert [len(part) for part in parts] == [3, 3, 3, 2]
        assert torch.equal(torch.cat(parts).sort().values, rows)


def test_dropped_images_are_not_counted():
    batches = Batches(torch.arange(11.0), None, 3, generator(0, "data"))
    assert [batches.images_in(count) for count in range(5)] == [0, 3, 6, 9, 12]


@pytest.mark.parametrize("update", ["alternating", "simultaneous"])
def test_g_makes_as_many_samples_as_the_last_minibatch_has_images(update: str):
    """110 images in minibatches of 20: the sixth has 10."""
    game = game_of(update=update, last_minibatch="trained")
    made = [len(game.advance()["fake"]) for _ in range(7)]
    assert made == [20] * 5 + [10, 20]
    assert game.images(7) == 130


@pytest.mark.parametrize(("count", "devices"), [(101, 1), (103, 2), (102, 2)])
def test_a_last_minibatch_that_cannot_be_shared_is_refused(count: int, devices: int):
    settings = settings_with({"last_minibatch": "trained", "devices": devices})
    with pytest.raises(
        TrainingError, match=r"train\.last_minibatch: trained gives the last minibatch"
    ):
        Training(settings, 0, images(count), CPU)


def test_the_authors_cifar10_recipe_trains_on_every_image_of_its_250_epochs():
    train = load(ROOT / "recipes/paper_cifar10_tfd.yaml").runs["cifar10_convolutional"].train
    rows = torch.zeros(40_000)
    batches = Batches(
        rows, None, train.batch_size, generator(0, "data"), last_minibatch=train.last_minibatch
    )
    assert batches.images_in(train.steps) == 250 * 40_000


def test_data_of_a_single_image_are_refused_before_training():
    with pytest.raises(TrainingError, match="the training images are all the same"):
        Training(settings_with({}), 0, images(1).expand(30, -1, -1, -1), CPU)


def test_a_batch_larger_than_the_data_is_refused_before_training():
    settings = shrunk("recipes/quick.yaml", "digits")
    with pytest.raises(TrainingError, match="batch_size is 20, but there are only 10"):
        Training(settings, 0, images(10), CPU)


def test_bf16_is_chosen_where_it_was_measured_to_be_faster(monkeypatch):
    """One maker's bf16 units are faster than its float32, another's are slower."""
    settings = shrunk("recipes/quick.yaml", "digits").model_copy(update={"precision": "auto"})
    monkeypatch.setattr(chosen, "maker", lambda: "Maker")
    known = {("Maker avx512_bf16", "linear"): (None, ""), ("Maker amx_bf16", "linear"): (10, "")}
    monkeypatch.setattr(chosen, "known", lambda: known)
    for units, expected in (
        ({"avx2": True, "avx512_bf16": False, "amx_bf16": False}, "float32"),
        ({"avx2": True, "avx512_bf16": True}, "float32"),
        ({"avx2": True, "amx_bf16": True}, "bf16"),
        ({"avx2": True, "new_bf16": True}, "float32"),
    ):
        monkeypatch.setattr(torch.cpu, "get_capabilities", lambda units=units: units)
        game = Training(settings, 0, images(), CPU)
        assert game.precision == expected
        assert game.G.params[0].dtype == (torch.bfloat16 if expected == "bf16" else torch.float32)


def test_momentum_moves_on_with_the_first_update_of_an_epoch():
    """The authors' hook fires before each epoch: in epoch e, momentum is .5 + .2 (e - 1) / 249."""
    momentum = {"start": 0.5, "end": 0.7, "saturate_epochs": 3}
    sgd = {"name": "sgd", "lr": 0.01, "momentum": momentum}
    game = game_of(generator={"optimizer": sgd}, discriminator={"optimizer": sgd})
    met = []
    for _ in range(12):  # epochs of 110 // 20 = 5 updates
        game.advance()
        met.append(game.D.optimizer.param_groups[0]["momentum"])
    assert met == pytest.approx([0.5] * 5 + [0.6] * 5 + [0.7] * 2)
