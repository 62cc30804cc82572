"""Two processes against one that has the whole minibatch."""

import pytest
import torch

from pipeline.compute import parallel
from pipeline.compute.streams import Streams, normal, uniform
from pipeline.engine import ranks
from pipeline.errors import TrainingError
from pipeline.models.common.batches import Batches
from tests.compute import two_ranks


@pytest.fixture(scope="module")
def of_two(tmp_path_factory):
    """Everything in two_ranks.py, as two ranks find it; one start for all tests."""
    out = tmp_path_factory.mktemp("ranks") / "found.pt"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(ranks, "PROGRAM", ("-m", "tests.compute.two_ranks"))
        patch.chdir(two_ranks.ROOT)
        ranks.launch(2, str(out))
    return torch.load(out, weights_only=True)


@pytest.fixture(scope="module")
def of_one():
    return two_ranks.everything(parallel.ALONE)


def apart(one: dict, two: dict) -> float:
    assert one.keys() == two.keys()
    return max((one[key] - two[key]).abs().max().item() for key in one)


@pytest.mark.parametrize(
    "game",
    [
        "simultaneous",
        "alternating",
        "simultaneous, BatchNorm",
        "alternating, BatchNorm",
        "augmented",
        "virtual BatchNorm",
    ],
)
def test_two_ranks_learn_what_one_process_learns(of_one, of_two, game: str):
    """Weights, statistics and logged losses are of order 1; sums in another order differ by 1e-7 of that."""
    assert 0 < apart(of_one[game], of_two[game]) < 1e-5


def test_batch_norm_of_each_ranks_own_learns_something_else(of_one, of_two):
    """A rank's 10 images have another mean than all 20; so the game with it is another one."""
    game = "BatchNorm of each rank's own"
    assert apart(of_one[game], of_two[game]) > 1e-2
    assert apart(of_one[game], of_one["alternating, BatchNorm"]) == 0


def test_batch_norm_over_two_ranks_is_batch_norm(of_one, of_two):
    """Outputs' gradients and running statistics, in float64, of inputs far from 0."""
    assert apart(of_one["norm"], of_two["norm"]) < 1e-12


def test_a_resumed_run_of_two_ranks_has_the_bits_of_an_uninterrupted_one(of_two):
    assert apart(of_two["resumed"], of_two["alternating, BatchNorm"]) == 0


def test_every_rank_has_the_reference_batch_that_one_process_would_draw(of_one, of_two):
    key = "generator.reference_z"
    one, two = (found["virtual BatchNorm"][key] for found in (of_one, of_two))
    assert torch.equal(one, two)


@pytest.mark.parametrize("what", ["weights", "buffers"])
def test_ranks_that_hold_different_nets_are_found_out(of_one, of_two, what: str):
    assert of_one["drift"][what] == ""
    assert "the devices hold different weights at step 0" in of_two["drift"][what]


@pytest.mark.parametrize("draw", [uniform, normal])
def test_ranks_share_the_numbers_that_one_process_draws(draw):
    """Also where two minibatches are joined: each rank has a half of the first and of the second."""
    whole, *parts = (
        draw((rows, 3), Streams(0, "cpu", rank, ranks)["noise"])
        for rank, ranks, rows in ((0, 1, 12), (0, 3, 4), (1, 3, 4), (2, 3, 4))
    )
    first, second = whole[:6], whole[6:]
    for rank, part in enumerate(parts):
        assert torch.equal(part, torch.cat([first[rank::3], second[rank::3]]))


def test_ranks_share_each_minibatch_of_the_data():
    rows = torch.arange(40.0)
    whole, *parts = (
        Batches(rows, rows.long(), 8, Streams(0, "cpu", rank, ranks)["data"])
        for rank, ranks in ((0, 1), (0, 2), (1, 2))
    )
    for _ in range(7):  # across an epoch's end
        expected = whole.next()
        halves = [part.next() for part in parts]
        assert torch.equal(torch.stack([h.images for h in halves], 1).flatten(), expected.images)
        assert all(torch.equal(half.images, half.labels.float()) for half in halves)


def test_a_rank_that_nobody_started_is_refused():
    with (
        pytest.raises(TrainingError, match="but 1 rank"),
        parallel.world(2, "cpu"),
    ):
        pass
