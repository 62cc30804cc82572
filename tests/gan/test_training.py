import pytest
import torch

from pipeline.config.params import load
from pipeline.config.train import Decay, ExponentialAverage, PowerAverage, Train
from pipeline.errors import TrainingError
from pipeline.gan import training
from pipeline.gan.batches import Batches
from pipeline.gan.streams import generator
from pipeline.gan.training import Training
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


RUNS = [
    ("params.yaml", "mnist"),
    ("params.yaml", "line"),
    ("recipes/paper.yaml", "paper"),
    ("recipes/quick.yaml", "digits"),
    ("recipes/quick.yaml", "line"),
]


def images(count: int = 110) -> torch.Tensor:
    return torch.rand(count, 1, 4, 4, generator=generator(0, "test")) * 2 - 1


@pytest.mark.parametrize(("recipe", "run"), RUNS)
def test_resuming_gives_the_bits_of_an_uninterrupted_run(recipe: str, run: str, tmp_path):
    """Seven steps cross an epoch's end; the checkpoint passes through a file."""
    settings = shrunk(recipe, run)
    whole = Training(settings, 0, images(), CPU)
    for _ in range(7):
        whole.advance()

    first = Training(settings, 0, images(), CPU)
    for _ in range(3):
        first.advance()
    torch.save(first.state_dict(), tmp_path / "checkpoint.pt")
    second = Training(settings, 0, images(), CPU)
    second.load_state_dict(torch.load(tmp_path / "checkpoint.pt", weights_only=True))
    for _ in range(4):
        second.advance()

    expected, found = whole.weights(), second.weights()
    assert expected.keys() == found.keys()
    for name in expected:
        assert torch.equal(expected[name], found[name]), name


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


def averages(settings, values: list[float]) -> list[float]:
    average = torch.zeros(1)
    seen = []
    for step, weight in enumerate(values, start=1):
        training.follow(average, torch.tensor([weight]), settings, step)
        seen.append(average.item())
    return seen


def test_the_exponential_average_starts_as_a_plain_mean_and_then_forgets():
    settings = ExponentialAverage(name="exponential", decay=0.5)
    assert averages(settings, [1.0, 2.0, 3.0]) == [1.0, 1.5, 2.25]


def test_the_power_average_weighs_step_s_by_a_power_of_s():
    """Exponent 0 is the plain mean; exponent 1 counts late steps about in proportion to their number."""
    settings = PowerAverage(name="power", exponent=0)
    assert averages(settings, [1.0, 2.0, 3.0])[-1] == pytest.approx(2.0)
    values = [float(step) for step in range(1, 1001)]
    linear = averages(PowerAverage(name="power", exponent=1), values)[-1]
    assert linear == pytest.approx(sum(s * s for s in values) / sum(values), rel=2e-3)


def test_averaging_every_so_many_steps_skips_the_others():
    settings = ExponentialAverage(name="exponential", decay=0.5**0.5, every_steps=2)
    assert averages(settings, [9.0, 1.0, 9.0, 2.0, 9.0, 3.0]) == pytest.approx(
        [0, 1.0, 1.0, 1.5, 1.5, 2.25]
    )


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
    decay = Decay(start=0.5, end=0.1, steps=10)
    assert [training.value(decay, step) for step in (0, 5, 10, 99)] == pytest.approx(
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


def test_a_batch_larger_than_the_data_is_refused_before_training():
    settings = shrunk("recipes/quick.yaml", "digits")
    with pytest.raises(TrainingError, match="batch_size is 20, but there are only 10"):
        Training(settings, 0, images(10), CPU)
