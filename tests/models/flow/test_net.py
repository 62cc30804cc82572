import math

import pytest
import torch
from torch.nn import functional as F

from pipeline.compute.streams import generator
from pipeline.config.models.flow.train import Nice, RealNvp
from pipeline.models.flow import pixels
from pipeline.models.flow.net import Flow

SETTINGS: dict[str, Nice | RealNvp] = {
    "nice": Nice(name="nice", hidden=(8, 8)),
    "real_nvp": RealNvp(name="real_nvp", couplings=4, hidden=(8, 8)),
}
KINDS = tuple(SETTINGS)


def flow(kind: str, features: int, disturbed: float = 0.1) -> Flow:
    """A small flow whose every weight is moved by noise of deviation `disturbed`, which leaves it well conditioned."""
    net = Flow(SETTINGS[kind], features)
    stream = generator(0, "init")
    net.initialize(stream)
    with torch.no_grad():
        for weight in net.parameters():
            weight.add_(disturbed * torch.randn(weight.shape, generator=stream))
    return net


def inside(count: int, features: int) -> torch.Tensor:
    return torch.rand(count, features, generator=generator(0, "data"))


@pytest.mark.parametrize("features", [6, 7])
@pytest.mark.parametrize("kind", KINDS)
def test_the_log_determinant_is_that_of_autograds_jacobian(kind: str, features: int):
    net, x_BD = flow(kind, features).double(), inside(5, features).double()
    _, ladj_B = net.to_base(x_BD)
    for x_D, ladj in zip(x_BD, ladj_B, strict=True):
        jacobian_DD = torch.autograd.functional.jacobian(lambda x: net.to_base(x[None])[0][0], x_D)
        assert torch.linalg.slogdet(jacobian_DD).logabsdet.item() == pytest.approx(
            ladj.item(), abs=1e-9
        )


@pytest.mark.parametrize("kind", KINDS)
@torch.no_grad()
def test_the_density_integrates_to_1(kind: str):
    """Midpoint rule; Real NVP's cells are narrower towards its ends, which lie beyond [0, 1]."""
    net = flow(kind, 2).double()
    edges = torch.linspace(-25, 25, 801, dtype=torch.float64)
    if kind == "real_nvp":
        edges = pixels.from_logits(edges, 0.05)
        assert edges[0].item() == pytest.approx(-1 / 18)
    middles, widths = (edges[1:] + edges[:-1]) / 2, edges.diff()
    x_BD = torch.cartesian_prod(middles, middles)
    area_B = torch.outer(widths, widths).flatten()
    assert (net(x_BD).exp() * area_B).sum().item() == pytest.approx(1, abs=1e-3)


@pytest.mark.parametrize("features", [49, 784])
@pytest.mark.parametrize("kind", KINDS)
@torch.no_grad()
def test_the_inverse_inverts_in_both_directions(kind: str, features: int):
    net = flow(kind, features, disturbed=0.05)
    x_BD = inside(20, features)
    assert net.inversion_error(x_BD) < 1e-4
    y_BD = net.base.draw((20, features), generator(0, "noise"))
    assert torch.allclose(net.to_base(net.from_base(y_BD))[0], y_BD, atol=2e-2)


@torch.no_grad()
def test_a_new_nice_is_a_logistic_density():
    net = Flow(SETTINGS["nice"], 5)
    net.initialize(generator(0, "init"))
    x_BD = inside(10, 5)
    # density e^-x / (1 + e^-x)^2 of each number
    expected_B = (-x_BD - 2 * torch.log1p((-x_BD).exp())).sum(dim=1)
    assert torch.allclose(net(x_BD), expected_B, atol=1e-6)


@torch.no_grad()
def test_a_new_real_nvp_is_a_normal_density_of_logits():
    net = Flow(SETTINGS["real_nvp"], 3)
    net.initialize(generator(0, "init"))
    x_BD = inside(10, 3).double()
    s_BD = 0.05 + 0.9 * x_BD
    logit_BD = (s_BD / (1 - s_BD)).log()
    normal_BD = -0.5 * logit_BD.square() - 0.5 * math.log(2 * math.pi)
    expected_B = (normal_BD + math.log(0.9) - (s_BD * (1 - s_BD)).log()).sum(dim=1)
    assert torch.allclose(net.double()(x_BD), expected_B, atol=1e-9)


@pytest.mark.parametrize("kind", KINDS)
@torch.no_grad()
def test_a_flow_starts_where_the_data_are(kind: str):
    """Pixels of different brightness, one of them constant but for its dequantisation."""
    net = flow(kind, 7, disturbed=0.0)
    x_ND = (inside(4_000, 7) * torch.tensor([1, 1 / 256, 0.5, 0.1, 1, 0.3, 0.9])).add_(0.05)
    before = net(x_ND).mean()
    net.start_at(x_ND)
    y_ND, _ = net.to_base(x_ND)
    assert torch.allclose(y_ND.mean(dim=0), torch.zeros(7), atol=1e-2)
    assert torch.allclose(y_ND.std(dim=0), torch.full((7,), net.base.std), rtol=1e-3)
    assert net(x_ND).mean() > before + math.log(256) / 2


def test_additive_couplings_keep_volume():
    """NICE, section 3.2: all of the log-determinant is the scale's."""
    net = flow("nice", 8)
    _, ladj_B = net.to_base(inside(10, 8))
    assert torch.equal(ladj_B, net.log_scale.sum().expand(10))


@pytest.mark.parametrize("kind", KINDS)
def test_samples_have_the_density(kind: str):
    """E[1/p] over samples inside a square is its area times the share of samples there: 1 if it were all."""
    net = flow(kind, 2, disturbed=0.2).double()
    with torch.no_grad():
        x_BD = net.from_base(net.base.draw((200_000, 2), generator(0, "sample")).double())
        centre, half = x_BD.median(dim=0).values, 0.05
        near = (x_BD - centre).abs().amax(dim=1) < half
        area = (1 / net(x_BD[near]).exp()).sum().item() / len(x_BD)
    assert area == pytest.approx((2 * half) ** 2, rel=0.1)


@torch.no_grad()
def test_draws_are_of_the_base_and_of_the_stream():
    net = flow("nice", 4)
    x_BD = net.draw(50, generator(0, "sample"))
    assert torch.equal(x_BD, net.draw(50, generator(0, "sample")))
    y_BD = net.base.draw((50, 4), generator(0, "sample"))
    assert torch.equal(x_BD, net.from_base(y_BD))


@pytest.mark.parametrize("kind", KINDS)
@torch.no_grad()
def test_the_base_has_its_deviation_and_density(kind: str):
    base = flow(kind, 2).base
    drawn = base.draw((100_000, 1), generator(0, "noise"))
    assert drawn.mean().item() == pytest.approx(0, abs=0.02)
    assert drawn.std().item() == pytest.approx(base.std, rel=0.01)
    grid = torch.linspace(-40, 40, 80_001, dtype=torch.float64)[:, None]
    assert base.log_density(grid).exp().sum().item() * 1e-3 == pytest.approx(1, abs=1e-6)


def test_the_smallest_uniform_number_has_a_finite_logit():
    edges = torch.tensor([0.0, 1 - 2**-24])
    assert torch.logit(edges, eps=1e-7).isfinite().all()


def test_what_no_image_has_is_outside():
    x_BD = torch.tensor([[0.0, 1.0], [0.5, 1.01], [-0.01, 0.5]])
    assert pixels.outside(x_BD).tolist() == [[False, False], [False, True], [True, False]]


def test_the_logits_derivative_is_autograds():
    x_D = torch.linspace(0, 1, 9, dtype=torch.float64)
    jacobian = torch.autograd.functional.jacobian(
        lambda x: pixels.to_logits(x[None], 0.05)[0][0], x_D
    )
    _, ladj = pixels.to_logits(x_D[None], 0.05)
    assert jacobian.diagonal().log().sum().item() == pytest.approx(ladj.item(), abs=1e-10)
    assert torch.allclose(pixels.from_logits(pixels.to_logits(x_D[None], 0.05)[0], 0.05)[0], x_D)
    assert F.relu(-pixels.from_logits(torch.tensor([[-9.0]]), 0.05)).item() > 0
