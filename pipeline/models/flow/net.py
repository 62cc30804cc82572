"""An invertible net and the exact density that it gives."""

from collections.abc import Callable, Sequence
from typing import cast

import torch
from torch import Tensor, nn
from torch.distributions import Transform
from zuko.nn import MLP, Linear
from zuko.transforms import AdditiveTransform, MonotonicAffineTransform

from pipeline.config.models.flow.train import Nice, RealNvp
from pipeline.models.flow import pixels
from pipeline.models.flow.bases import LOGISTIC, NORMAL, Base

# Shapes: B batch, D pixels, K those that a coupling keeps, C those that it changes.


class Coupling(nn.Module):
    """What is done to one half of the pixels is a function of the other half, which stays as it is."""

    def __init__(
        self,
        univariate: Callable[..., Transform],
        numbers: int,
        kept: int,
        changed: int,
        hidden: Sequence[int],
    ):
        """`univariate`: an increasing function, built from `numbers` numbers for each changed pixel, the
        shift first."""
        super().__init__()
        self.univariate = univariate
        self.numbers = numbers
        self.changed = changed
        self.net = MLP(kept, changed * numbers, hidden)

    def forward(self, kept_BK: Tensor) -> Transform:
        """The map of the changed half, one function a pixel."""
        return self.univariate(*self.net(kept_BK).chunk(self.numbers, dim=1))

    @torch.no_grad()
    def initialize(self, stream: torch.Generator) -> None:
        """Hidden weights after He (2015), output 0: the identity."""
        layers = [layer for layer in self.net if isinstance(layer, Linear)]
        for layer in layers:
            layer.weight.normal_(0, (2 / layer.in_features) ** 0.5, generator=stream)
            layer.bias.zero_()
        layers[-1].weight.zero_()

    @torch.no_grad()
    def shift(self, by_C: Tensor) -> None:
        """Add `by_C` to what it adds to every image."""
        self.net[-1].bias[: self.changed] += by_C


class Flow(nn.Module):
    """A density on D numbers: couplings, a scale for each number, independent numbers.

    Even pixels are changed as functions of odd ones and the other way round, in turn.
    """

    def __init__(self, settings: Nice | RealNvp, features: int):
        """`features`: D. Call `initialize`: the weights are of the global stream until then."""
        super().__init__()
        match settings:
            case Nice():
                univariate, numbers = AdditiveTransform, 1  # x + m, NICE, eq. 12
                self.base: Base = LOGISTIC
                self.alpha: float | None = None
            case RealNvp(alpha=alpha):
                univariate, numbers = MonotonicAffineTransform, 2  # x exp(s) + t, Real NVP, eq. 7
                self.base = NORMAL
                self.alpha = alpha
        self.features = features
        halves = (features - features // 2, features // 2)
        self._couplings = nn.ModuleList(
            Coupling(univariate, numbers, halves[1 - i % 2], halves[i % 2], settings.hidden)
            for i in range(settings.couplings)
        )
        self.log_scale = nn.Parameter(torch.zeros(features))  # NICE, section 3.3

    @property
    def couplings(self) -> list[tuple[int, Coupling]]:
        """Each with the half that it changes, 0 or 1."""
        return [(i % 2, cast(Coupling, coupling)) for i, coupling in enumerate(self._couplings)]

    def forward(self, x_BD: Tensor) -> Tensor:
        """Log-density of `x_BD`, [B] in nats, by the change of variables."""
        y_BD, ladj_B = self.to_base(x_BD)
        return self.base.log_density(y_BD) + ladj_B

    def to_base(self, x_BD: Tensor) -> tuple[Tensor, Tensor]:
        """y = f(x), [B, D], and log |det df/dx|, [B]."""
        x_BD, ladj_B = self._to_line(x_BD)
        halves = [x_BD[:, 0::2], x_BD[:, 1::2]]
        for changed, coupling in self.couplings:
            before_BC, map_BC = halves[changed], coupling(halves[1 - changed])
            halves[changed] = map_BC(before_BC)
            ladj_B = ladj_B + map_BC.log_abs_det_jacobian(before_BC, halves[changed]).sum(dim=1)
        return joined(*halves) * self.log_scale.exp(), ladj_B + self.log_scale.sum()

    def from_base(self, y_BD: Tensor) -> Tensor:
        """x = f^-1(y): one pass through the same nets."""
        x_BD = y_BD * (-self.log_scale).exp()
        halves = [x_BD[:, 0::2], x_BD[:, 1::2]]
        for changed, coupling in reversed(self.couplings):
            halves[changed] = coupling(halves[1 - changed]).inv(halves[changed])
        x_BD = joined(*halves)
        return x_BD if self.alpha is None else pixels.from_logits(x_BD, self.alpha)

    def draw(self, count: int, stream: torch.Generator) -> Tensor:
        """`count` samples [count, D]; nothing holds them inside [0, 1]."""
        return self.from_base(self.base.draw((count, self.features), stream))

    @torch.no_grad()
    def initialize(self, stream: torch.Generator) -> None:
        """Start as the identity: the base's density, of logits where there are any."""
        for _, coupling in self.couplings:
            coupling.initialize(stream)
        self.log_scale.zero_()

    @torch.no_grad()
    def start_at(self, x_ND: Tensor) -> None:
        """Give each number of f(`x_ND`) the base's mean and deviation, as Glow's actnorm (2018, section 3.1).

        For a flow that is the identity. From a scale of 1 Adam needs thousands of steps to the 900 of a
        pixel that never changes.
        """
        line_ND, _ = self._to_line(x_ND)
        mean_D = line_ND.mean(dim=0)
        for changed, coupling in self.couplings[-2:]:
            coupling.shift(-mean_D[changed::2])
        self.log_scale.copy_((self.base.std / line_ND.std(dim=0)).log())

    @torch.no_grad()
    def inversion_error(self, x_BD: Tensor) -> float:
        """The largest |f^-1(f(x)) - x|: what rounding leaves of the inverse."""
        back_BD = self.from_base(self.to_base(x_BD)[0])
        return (back_BD - x_BD).abs().max().item()

    def _to_line(self, x_BD: Tensor) -> tuple[Tensor, Tensor]:
        """What the first coupling is given, and the log-derivative of it, [B]."""
        if self.alpha is None:
            return x_BD, torch.zeros_like(x_BD[:, 0])
        return pixels.to_logits(x_BD, self.alpha)


def joined(even_BC: Tensor, odd_BC: Tensor) -> Tensor:
    """Even and odd columns of a matrix -> the matrix [B, D]; there may be one even column more."""
    paired = odd_BC.shape[1]
    pairs_BD = torch.stack([even_BC[:, :paired], odd_BC], dim=2).flatten(1)
    return torch.cat([pairs_BD, even_BC[:, paired:]], dim=1)
