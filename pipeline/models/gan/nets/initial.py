"""Initial weights of both players."""

import torch
from torch import Tensor, nn

from pipeline.config.models.gan.inits import (
    HeInit,
    Init,
    NormalInit,
    OrthogonalInit,
    PublishedInit,
    SparseInit,
    UniformInit,
    XavierInit,
)
from pipeline.config.models.gan.nets import (
    Discriminators,
    Generators,
    MlpDiscriminator,
    MlpGenerator,
)
from pipeline.models.common.layers import (
    ConditionalBatchNorm,
    Hidden,
    SpectralNorm,
    VirtualBatchNorm,
)
from pipeline.models.gan.nets.r3gan import SLOPE, Basis, ResidualBlock

AFFINE = (nn.Linear, nn.Conv2d, nn.ConvTranspose2d)
NORMS = (
    *(nn.BatchNorm1d, nn.BatchNorm2d, nn.InstanceNorm2d, nn.LayerNorm),
    *(ConditionalBatchNorm, VirtualBatchNorm),
)


def initialize(
    net: nn.Module,
    output: nn.Module,
    player: Generators | Discriminators,
    stream: torch.Generator,
) -> None:
    """Draw every affine map's weights as `player.init` says, those of `output` as its `output_init`
    says; biases start at 0 (authors)."""
    last = output_maps(output)
    blocks = sum(isinstance(layer, ResidualBlock) for layer in net.modules())
    with torch.no_grad():
        for name, layer in net.named_modules():
            is_last = any(layer is one for one in last)
            init: Init | None = (
                player.output_init if is_last and player.output_init else player.init
            )
            if isinstance(init, PublishedInit):
                init = published(player.name, name, blocks)
            if isinstance(layer, AFFINE):
                _draw_weights(layer, init, is_last, stream)
                if layer.bias is not None:
                    layer.bias.zero_()
            elif isinstance(layer, nn.Embedding | Basis):
                layer.weight.normal_(generator=stream)
            elif isinstance(layer, NORMS) and isinstance(init, NormalInit):
                if layer.weight is not None:
                    layer.weight.normal_(1, init.norm_std, generator=stream)
            elif isinstance(layer, SpectralNorm):
                layer.left.copy_(
                    torch.nn.functional.normalize(layer.left.normal_(generator=stream), dim=0)
                )
        if isinstance(player, MlpGenerator | MlpDiscriminator) and player.biases:
            hidden = [layer for layer in net.modules() if isinstance(layer, Hidden)]
            for layer, bias in zip(hidden, player.biases, strict=True):
                layer.linear.bias.fill_(bias)  # type: ignore[union-attr, operator]


def published(net: str, layer: str, blocks: int) -> Init | None:
    """How the authors of `net` initialised its `layer`, a dotted name; None: with zeros. `blocks`: R3GAN's."""
    in_branch = layer.partition("residual.")[2].partition(".")[0]  # "0", "1", "2", or "" elsewhere
    if net == "dcgan":
        return NormalInit(name="normal", std=0.02, norm_std=0.02)
    if net == "r3gan":
        return r3gans(in_branch, blocks)
    gain = 2**0.5 if in_branch else 1.0
    return XavierInit(name="xavier", gain=gain, distribution="uniform")


def r3gans(in_branch: str, blocks: int) -> Init | None:
    """Fix-up (Zhang 2019): the last convolution of a residual branch is 0, the two before it have variances
    2 / (1 + SLOPE^2) / sqrt(blocks) times 1 / fan_in; other layers 1 / fan_in."""
    if in_branch == "2":
        return None
    gain = (2 / (1 + SLOPE**2)) ** 0.5 * blocks**-0.25 if in_branch else 1
    return HeInit(name="he", gain=gain / 2**0.5)


def output_maps(output: nn.Module) -> list[nn.Module]:
    """The affine maps in `output`, which may be one itself."""
    return [layer for layer in output.modules() if isinstance(layer, AFFINE)]


@torch.no_grad()
def _draw_weights(
    layer: nn.Module, init: Init | None, is_last: bool, stream: torch.Generator
) -> None:
    weight: Tensor = layer.weight  # type: ignore[assignment]
    match init:
        case None:
            weight.zero_()
        case UniformInit(range=limit):
            weight.uniform_(-limit, limit, generator=stream)
        case NormalInit(std=std):
            weight.normal_(0, std, generator=stream)
        case HeInit(gain=gain, output_gain=output_gain):
            gain *= output_gain if is_last else 1
            weight.normal_(0, gain * (2 / fan_in(layer)) ** 0.5, generator=stream)
        case XavierInit(gain=gain, distribution="uniform"):
            nn.init.xavier_uniform_(weight, gain, generator=stream)
        case XavierInit(gain=gain):
            nn.init.xavier_normal_(weight, gain, generator=stream)
        case OrthogonalInit(gain=gain):
            nn.init.orthogonal_(weight, gain, generator=stream)
        case SparseInit(inputs=inputs):
            for weight_UI in units(layer):
                weight_UI.copy_(sparse(weight_UI.shape, inputs, stream))


def fan_in(layer: nn.Module) -> float:
    """Inputs of a unit; of a strided transposed convolution the mean over its outputs."""
    weight: Tensor = layer.weight  # type: ignore[assignment]
    if isinstance(layer, nn.ConvTranspose2d):
        return weight[:, 0].numel() / (layer.stride[0] * layer.stride[1])
    return weight[0].numel()


def units(layer: nn.Module) -> list[Tensor]:
    """Views [U, ...] of the weights of U units; the pixels of a map share theirs.

    With stride s, the output pixels of a transposed convolution form s * s groups, every s-th down and
    across; each group has its own taps of the kernel, and so its own view.
    """
    weight: Tensor = layer.weight  # type: ignore[assignment]
    if not isinstance(layer, nn.ConvTranspose2d):
        return [weight]
    weight_OIHW = weight.transpose(0, 1)
    down, across = layer.stride
    views = [weight_OIHW[:, :, i::down, j::across] for i in range(down) for j in range(across)]
    return [view for view in views if view.numel()]  # a kernel smaller than the stride leaves gaps


def sparse(shape: torch.Size, inputs: int, stream: torch.Generator) -> Tensor:
    """Weights [U, ...]: up to `inputs` of each unit from N(0, 1), the others 0."""
    order_UI = torch.rand(shape, generator=stream, device=stream.device).flatten(1)
    chosen_UI = order_UI.argsort(dim=1)[:, :inputs]
    drawn_UI = torch.randn(chosen_UI.shape, generator=stream, device=stream.device)
    return torch.zeros_like(order_UI).scatter_(1, chosen_UI, drawn_UI).view(shape)


def start_at_the_mean(last: nn.Linear, net: MlpGenerator, mean_CHW: Tensor) -> None:
    """Set the output bias so that an input of 0 gives the training mean, given in [-1, 1].

    tanh(x) = 2 sigmoid(2x) - 1, so its bias is half the logit that sigmoid's is.
    """
    logit_D = torch.logit((mean_CHW.double().flatten() + 1) / 2, eps=net.output_bias_clip)
    with torch.no_grad():
        last.bias.copy_(logit_D if net.output == "sigmoid" else logit_D / 2)
