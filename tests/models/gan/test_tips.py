"""What each tip does to what the players see and learn; test_updates.py has the terms of the losses."""

import math
from dataclasses import replace
from types import SimpleNamespace

import pytest
import torch
import torch.nn.functional as F

from pipeline.compute.streams import generator
from pipeline.config.models.gan import regularisers, tips
from pipeline.config.models.gan.tips import (
    AuxiliaryClassifier,
    Balance,
    Labels,
    PastPlayers,
    StepsOfD,
)
from pipeline.errors import TrainingError
from pipeline.models.common.batches import Real
from pipeline.models.gan.game import losses, terms, updates
from pipeline.models.gan.game.regularisers import LeCam
from pipeline.models.gan.game.replay import Replay
from pipeline.models.gan.game.targets import Targets
from pipeline.models.gan.nets import DiscriminatorOutput
from pipeline.models.gan.noise import Latent
from pipeline.models.gan.training import k_at, minibatches
from tests.models.gan.test_training import game_of, settings_with

MANY = 20_000


def drawn(**labels) -> tuple[torch.Tensor, torch.Tensor]:
    return Targets(Labels(**labels), generator(0, "targets")).for_discriminator(MANY)


def test_soft_labels_fill_the_stated_ranges_evenly():
    """The mean of so many is within 0.004 of the middle, but once in ten thousand times."""
    for found, (low, high) in zip(
        drawn(real=(0.7, 1.2), fake=(0.0, 0.3)), [(0.7, 1.2), (0, 0.3)], strict=True
    ):
        assert low <= found.min().item() < low + 0.01
        assert high - 0.01 < found.max().item() <= high
        assert found.mean().item() == pytest.approx((low + high) / 2, abs=0.004)
        assert found.std().item() == pytest.approx((high - low) / math.sqrt(12), abs=0.004)


def test_one_sided_smoothing_leaves_the_targets_of_samples_alone():
    real, fake = drawn(real=(0.9, 0.9))
    assert real.unique().tolist() == pytest.approx([0.9])
    assert fake.unique().tolist() == [0.0]


def test_the_stated_share_of_targets_is_flipped():
    """Four standard deviations of a share of so many images are 0.007."""
    real, fake = drawn(flip=0.05)
    assert (real == 0).float().mean().item() == pytest.approx(0.05, abs=0.007)
    assert (fake == 1).float().mean().item() == pytest.approx(0.05, abs=0.007)


def test_one_sided_smoothing_makes_the_best_discriminator_modest():
    """With targets a and 0 the best D is a p_data / (p_data + p_g) (Salimans 2016): 0.45 where they agree."""
    logit = torch.zeros(1, dtype=torch.float64, requires_grad=True)
    optimizer = torch.optim.LBFGS([logit], max_iter=50, tolerance_grad=1e-12)

    def closure():
        optimizer.zero_grad()
        loss = losses.towards(logit, torch.tensor(0.9)) + losses.towards(logit, torch.tensor(0.0))
        loss.backward()
        return loss

    optimizer.step(closure)
    assert logit.sigmoid().item() == pytest.approx(0.45, abs=1e-6)


def test_label_flip_is_the_non_saturating_loss_when_labels_are_hard():
    logits = torch.linspace(-9, 9, 7, dtype=torch.float64)
    hard = Targets(Labels(), generator(0, "targets"))
    flipped, usual = (losses.PAIRS[name](hard).G for name in ("label_flip", "non_saturating"))
    torch.testing.assert_close(flipped(None, logits), usual(None, logits))


def batch(number: int, count: int = 50) -> tuple[torch.Tensor, Latent]:
    """A batch whose images, noise and labels all say which batch it is, and which row."""
    name = number * 1000 + torch.arange(count)
    return name.float().view(-1, 1, 1, 1), Latent(name.float()[:, None], name)


def test_replay_shows_the_stated_share_of_old_samples_each_of_them_once():
    replay = Replay(tips.Replay(share=0.3, size=200), generator(0, "replay"))
    old, seen = 0, []
    for number in range(404):
        images, latent = replay(*batch(number))
        names = images.flatten()
        torch.testing.assert_close(latent.z.flatten(), names)  # noise and labels go along
        assert torch.equal(latent.labels, names.long())
        fresh = names // 1000 == number
        if number < 4:
            assert fresh.all()  # until the memory is full
        else:
            assert ((names == batch(number)[1].labels) == fresh).all()
            old += int((~fresh).sum())
        seen += names.tolist()
    # 20,000 draws: four standard deviations of the share are 0.013
    assert old / (400 * 50) == pytest.approx(0.3, abs=0.013)
    first_shown_as_fresh_and_once_again = max(seen.count(name) for name in set(seen[:200]))
    assert first_shown_as_fresh_and_once_again == 2


def test_what_a_checkpoint_holds_goes_to_the_device_where_it_is_used():
    """A checkpoint is read into the computer's memory; the meta device stands for a GPU."""
    there = SimpleNamespace(device=torch.device("meta"))
    replay = Replay(tips.Replay(), there)
    replay.load_state_dict({"filled": 2, "kept": [torch.zeros(2, 1), None]})
    vector = torch.zeros(3, device="meta")
    player = SimpleNamespace(vector=vector, before_each_step=lambda change: None)
    history = terms.HistoricalAverage(tips.HistoricalAveraging(weight=1.0), player)
    history.load_state_dict({"mean": torch.zeros(3), "updates": 1})
    lecam = LeCam(regularisers.LeCam())
    lecam.load_state_dict({"anchors": {"real": torch.zeros(()), "fake": torch.zeros(())}})
    said = DiscriminatorOutput(torch.zeros(4, device="meta"), torch.zeros(4, 1))
    lecam(updates.Minibatch(0, None, None, None, said, said))
    for tensor in (replay.kept[0], history.mean, lecam.anchors["real"], lecam.anchors["fake"]):
        assert tensor.is_meta
    assert replay.kept[1] is None


def test_past_players_are_swapped_in_for_the_stated_steps_and_leave_again():
    """Kept at steps 4, 8, ...; from 8 on an older pair is the opponent for two steps at a time."""
    past = PastPlayers(every_steps=4, for_steps=2, keep=1)
    game = game_of(past_players=past)
    weights = {0: [game.G.vector.detach().clone(), game.D.vector.detach().clone()]}
    opponent: dict[tuple[int, int], int] = {}  # (step, player) -> the step that it is from

    def look(index: int, player):
        def hook(*_):
            known = [step for step, w in weights.items() if torch.equal(w[index], player.vector)]
            opponent[game.step, index] = known[-1] if known else game.step

        return hook

    # G is run last as the one that learns; without the gradient it is D's opponent
    game.G.net.register_forward_pre_hook(
        lambda *inputs: None if torch.is_grad_enabled() else look(0, game.G)()
    )
    game.D.net.body.register_forward_pre_hook(look(1, game.D))  # its last run is as G's opponent
    for step in range(1, 15):
        game.advance()
        weights[step] = [game.G.vector.detach().clone(), game.D.vector.detach().clone()]
    for index in (0, 1):
        older = {s: opponent[s, index] for s in range(14) if opponent[s, index] != s}
        assert older == {8: 4, 9: 4, 12: 8, 13: 8}
    # what learned from the old ones is the player of today: it moved on from its own weights
    for step in (8, 9, 12, 13):
        for index in (0, 1):
            before, after = weights[step][index], weights[step + 1][index]
            assert 0 < (after - before).norm() < 0.5 * (after - weights[4][index]).norm()


@pytest.mark.parametrize("update", ["alternating", "simultaneous"])
@pytest.mark.parametrize(
    ("player", "key"), [("D", "train_discriminator_above"), ("G", "train_generator_above")]
)
def test_a_player_waits_while_its_loss_is_low(player: str, key: str, update: str):
    """What tip 11 advises against: while lossD > A: train D; while lossG > B: train G."""
    for above, waits in ((1e-6, False), (99.0, True)):
        game = game_of(balance=Balance(**{key: above}), update=update)
        before = {name: one.vector.detach().clone() for name, one in game.players.items()}
        game.advance()
        stood_still = {n for n, one in game.players.items() if torch.equal(before[n], one.vector)}
        assert stood_still == ({player} if waits else set())


@pytest.mark.parametrize("update", ["alternating", "simultaneous"])
def test_a_player_that_waits_has_no_gradient_in_the_log(update: str):
    """The one of an earlier step is in no checkpoint, and a resumed run would log another."""
    game = game_of(update=update)
    assert game.measure(game.advance())["d_gradient_norm"] > 0
    wait = {f"{player}_learns": lambda loss: False for player in ("discriminator", "generator")}
    game.game = replace(game.game, **wait)
    row = game.measure(game.advance())
    assert row["d_gradient_norm"] == row["g_gradient_norm"] == 0


SCHEDULE = (
    StepsOfD(from_step=0, k=100),
    StepsOfD(from_step=25, k=1),
    StepsOfD(from_step=1000, k=2),
)


def test_k_follows_its_schedule_and_images_are_counted_by_it():
    assert [k_at(SCHEDULE, step) for step in (0, 24, 25, 999, 1000, 9999)] == [100, 100, 1, 1, 2, 2]
    counted = 0
    for step in range(1100):
        assert minibatches(SCHEDULE, step) == counted
        counted += k_at(SCHEDULE, step)


def test_d_takes_as_many_steps_as_its_schedule_says():
    schedule = (StepsOfD(from_step=0, k=3), StepsOfD(from_step=1, k=1))
    game = game_of(discriminator_steps=schedule)
    steps = []
    game.D.optimizer.register_step_post_hook(lambda *_: steps.append(game.step))
    for _ in range(3):
        game.advance()
    assert steps == [0, 0, 0, 1, 2]


def judged(classes: torch.Tensor) -> DiscriminatorOutput:
    return DiscriminatorOutput(torch.zeros(2), torch.zeros(2, 3), classes)


def test_the_auxiliary_classifier_learns_data_and_samples_and_teaches_g():
    """Odena 2017: L_C is in both players' losses."""
    real, fake = torch.tensor([[2.0, 0.0, 0.0], [0.0, 1.0, 0.0]]), torch.randn(2, 3)
    asked, labels = torch.tensor([2, 0]), torch.tensor([0, 1])
    look = updates.Minibatch(
        0,
        Real(torch.zeros(2, 1, 1, 1), labels),
        Latent(torch.zeros(2, 1), asked),
        torch.zeros(2, 1, 1, 1),
        judged(real),
        judged(fake),
    )
    settings = AuxiliaryClassifier(weight=0.5)
    of_fake = -F.log_softmax(fake, dim=1)[[0, 1], asked].mean()
    of_real = (math.log(1 + 2 * math.exp(-2)) + math.log(1 + 2 * math.exp(-1))) / 2
    assert terms.discriminators_classes(settings)(look).item() == pytest.approx(
        0.5 * (of_real + of_fake.item()), rel=1e-5
    )
    assert terms.generators_classes(settings)(look).item() == pytest.approx(
        0.5 * of_fake.item(), rel=1e-5
    )


def test_a_classifier_without_classes_is_refused():
    with pytest.raises(TrainingError, match="needs a label for every training image"):
        game_of(auxiliary_classifier={"weight": 1.0}, conditional={"discriminator": False})
    for told in (None, {"discriminator": True}):
        with pytest.raises(ValueError, match="a G that is told the class and a D that is not"):
            settings_with({"auxiliary_classifier": {}, "conditional": told})


def test_a_g_that_is_not_asked_for_classes_is_not_judged_by_them():
    look = updates.Minibatch(
        0,
        Real(torch.zeros(2, 1, 1, 1), torch.tensor([0, 1])),
        Latent(torch.zeros(2, 1)),
        torch.zeros(2, 1, 1, 1),
        judged(torch.zeros(2, 3)),
        judged(torch.randn(2, 3)),
    )
    settings = AuxiliaryClassifier(weight=1.0)
    assert terms.generators_classes(settings)(look).item() == 0
    found = terms.discriminators_classes(settings)(look).item()
    assert found == pytest.approx(math.log(3), rel=1e-6)  # of data alone
