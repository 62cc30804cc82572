"""A contractive auto-encoder with tied weights (Rifai et al. 2011)."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from pipeline.compute.streams import normal

# Shapes: B batch, V inputs, H units of the code.


class Cae(nn.Module):
    """h = sigmoid(c + x W), and back x = sigmoid(b + h W')."""

    def __init__(self, inputs: int, hidden: int, stream: torch.Generator):
        """Weights as in the authors' code: uniform within 4 times the square root of 6 / (V + H)."""
        super().__init__()
        weight = torch.rand((inputs, hidden), generator=stream, device=stream.device)
        bound = 4 * (6 / (inputs + hidden)) ** 0.5
        self.weight = nn.Parameter((weight * 2 - 1) * bound)
        self.code_bias = nn.Parameter(weight.new_zeros(hidden))
        self.input_bias = nn.Parameter(weight.new_zeros(inputs))

    def encode(self, x_BV: Tensor) -> Tensor:
        return torch.sigmoid(self.code_bias + x_BV @ self.weight)

    def decoded_logits(self, h_BH: Tensor) -> Tensor:
        return self.input_bias + h_BH @ self.weight.T

    def decode(self, h_BH: Tensor) -> Tensor:
        return torch.sigmoid(self.decoded_logits(h_BH))

    def forward(self, x_BV: Tensor, contraction: float) -> Tensor:
        """Mean over the batch of the cross-entropy of an input and what comes back, in nats, and of
        `contraction` times the squared norm of the code's Jacobian."""
        h_BH = self.encode(x_BV)
        logits_BV = self.decoded_logits(h_BH)
        error = F.binary_cross_entropy_with_logits(logits_BV, x_BV, reduction="sum") / len(x_BV)
        return error + contraction * self.squared_jacobian(h_BH).mean()

    def squared_jacobian(self, h_BH: Tensor) -> Tensor:
        """Squared Frobenius norm [B] of dh/dx = diag(h (1 - h)) W', given the code."""
        slope_BH = h_BH * (1 - h_BH)
        return slope_BH.square() @ self.weight.square().sum(0)

    def walked(self, x_BV: Tensor, std: float, stream: torch.Generator) -> Tensor:
        """One step of the sampler: the code moves by J J' noise, along directions in which inputs change it most,
        and is decoded (Rifai et al. 2012, Algorithm 1). A mean, never a draw."""
        h_BH = self.encode(x_BV)
        noise_BH = normal(h_BH.shape, stream) * std
        return self.decode(h_BH + self.along_the_manifold(h_BH, noise_BH))

    def along_the_manifold(self, h_BH: Tensor, noise_BH: Tensor) -> Tensor:
        """J J' noise for J = dh/dx, [B, H], as two products with W: J J' itself would be H x H for each image."""
        slope_BH = h_BH * (1 - h_BH)
        return slope_BH * ((slope_BH * noise_BH) @ self.weight.T @ self.weight)
