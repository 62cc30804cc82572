import pytest
import torch

from pipeline.compute.streams import Streams, generator
from pipeline.models.gan.noise import PRIORS, draw_for
from tests.models.gan.test_training import settings_with


@pytest.mark.parametrize("prior", PRIORS)
def test_every_prior_has_zero_mean_and_unit_variance_per_coordinate(prior: str):
    z = PRIORS[prior]((20_000, 10), generator(0, "noise"))
    assert z.mean(dim=0).abs().max().item() < 0.03
    assert z.var(dim=0).sub(1).abs().max().item() < 0.05


def test_the_uniform_prior_is_the_authors_box():
    z = PRIORS["uniform"]((20_000, 10), generator(0, "noise"))
    assert z.abs().max().item() <= 3**0.5


def test_the_sphere_prior_has_one_radius():
    z = PRIORS["sphere"]((100, 10), generator(0, "noise"))
    torch.testing.assert_close(z.norm(dim=1), torch.full((100,), 10**0.5))


def test_streams_differ_by_name_and_seed_and_go_on_from_a_saved_state():
    one, other = Streams(0), Streams(1)
    drawn = [torch.rand(3, generator=s) for s in (one["data"], one["noise"], other["data"])]
    assert len({tuple(x.tolist()) for x in drawn}) == 3
    state = one.state_dict()
    expected = torch.rand(3, generator=one["data"])
    other.load_state_dict(state)
    assert torch.equal(torch.rand(3, generator=other["data"]), expected)


def test_a_conditional_gs_labels_are_equally_likely():
    """The last class, too. Four standard deviations of a share of so many are 0.006."""
    train = settings_with({"conditional": {"embedding": 2}})
    labels = draw_for(train, 100_000, generator(0, "noise"), 3).labels
    assert labels is not None
    share = labels.bincount() / len(labels)
    torch.testing.assert_close(share, torch.full((3,), 1 / 3), atol=0.006, rtol=0)
