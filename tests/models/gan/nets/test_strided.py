"""Convolutions between images and maps: PyTorch's own within rounding, and their derivatives of both orders."""

import pytest
import torch
from torch import Tensor, nn

from pipeline.models.gan.nets import strided
from tests.models.gan.nets.pairs import DCGAN, players, settings


def drawn(*shape: int) -> Tensor:
    return torch.randn(*shape, dtype=torch.float64, requires_grad=True)


def alike(ours: nn.Module, torchs: nn.Module, x: Tensor) -> None:
    """Outputs, gradients of inputs, weight and bias, and those of a sum of squared gradients, as R1 takes them."""
    torchs.load_state_dict(ours.state_dict())
    found = []
    for layer in (ours.double(), torchs.double()):
        y = layer(x)
        wanted = [x, *layer.parameters()]
        first = torch.autograd.grad(y.sin().sum(), wanted, create_graph=True)
        second = torch.autograd.grad(first[0].square().sum(), wanted)
        found.append([y, *first, *second])
    torch.testing.assert_close(*found)


@pytest.mark.parametrize("kernel", [3, 5, 7])
@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("size", [(8, 8), (9, 6), (10, 7)])
def test_layers_between_images_and_maps_compute_what_pytorchs_do(
    kernel: int, channels: int, size: tuple[int, int]
):
    half = {"stride": 2, "padding": kernel // 2}
    ours = strided.down(channels, 6, kernel)
    assert isinstance(ours, strided.OfImages)
    alike(ours, nn.Conv2d(channels, 6, kernel, **half), drawn(2, channels, *size))
    ours = strided.up(6, channels, kernel)
    assert isinstance(ours, strided.ToImages)
    torchs = nn.ConvTranspose2d(6, channels, kernel, **half, output_padding=1)
    alike(ours, torchs, drawn(2, 6, *size))


def test_their_derivatives_are_those_of_finite_differences():
    x, m, weight, bias = drawn(2, 1, 3, 4), drawn(2, 3, 2, 2), drawn(3, 1, 5, 5), drawn(3)
    for function, inputs in (
        (strided.Shrink.apply, (x, weight, bias)),
        (lambda m, w: strided.Enlarge.apply(m, w, x.shape[2:]), (m, weight)),
        (lambda m: strided.in_order(m, strided.LAST).square(), (m,)),
    ):
        assert torch.autograd.gradcheck(function, inputs)
        assert torch.autograd.gradgradcheck(function, inputs)


def test_layers_work_on_other_devices():
    with torch.device("meta"):
        for channels in (1, 8):
            x, m = torch.empty(2, channels, 8, 8), torch.empty(2, 6, 4, 4)
            assert strided.down(channels, 6, 5)(x).shape == m.shape
            assert strided.up(6, channels, 5)(m).shape == x.shape


@pytest.mark.parametrize("precision", [torch.bfloat16, torch.float16])
def test_products_in_16_bits_stay_in_16_bits(precision: torch.dtype):
    """The weights are 16-bit copies, biases float32, as a Player keeps them."""
    images, maps = torch.randn(2, 1, 8, 8, requires_grad=True), torch.randn(2, 4, 4, 4)
    for layer, x in ((strided.down(1, 4, 5), images), (strided.up(4, 1, 5), maps)):
        layer.weight.data = layer.weight.data.to(precision)
        with torch.autocast("cpu", precision):
            y = layer(x)
            gradients = torch.autograd.grad(y.float().square().sum(), list(layer.parameters()))
        assert (y.dtype, *(g.dtype for g in gradients)) == (precision, precision, torch.float32)
        exact = nn.Module.__call__(layer.float(), x)
        torch.testing.assert_close(y.float(), exact, atol=0.02, rtol=0.02)


def test_maps_of_a_dcgan_lie_with_their_channels_last_in_both_directions():
    wide = {"filters": 8}  # more than images may have
    G, D = players(settings(DCGAN, generator=wide, discriminator=wide), (1, 28, 28))
    orders = []

    def note(maps: Tensor) -> None:
        orders.append(maps.is_contiguous(memory_format=strided.LAST))

    def watch(layer: nn.Module, inputs: tuple, maps: Tensor) -> None:
        note(maps)
        maps.register_hook(note)

    for hidden in (*G.body.hidden, *D.body.layers[1::2]):
        hidden.linear.register_forward_hook(watch)
    D(G(torch.randn(3, 8))).sum().backward()
    assert orders == [True] * 6


def test_features_are_flat_in_the_order_of_channels_whatever_the_maps_order():
    maps = torch.randn(2, 3, 4, 4)
    last = maps.contiguous(memory_format=strided.LAST)
    flat = strided.in_order(last, strided.FIRST).flatten(1)
    assert torch.equal(flat, maps.flatten(1))
