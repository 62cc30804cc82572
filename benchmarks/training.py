"""python -m benchmarks.training: one training step of the paper's nets, against a plain loop and the floor.

The plain loop is what a user would write: PyTorch modules, float32, Adam, zero_grad, backward, step, over
a tensor in memory. The floor is the time of the matrix products of a step in the cheapest precision, and of
the passes over memory that its optimiser needs, each measured alone. The last line says what
pipeline/processors.json should know of this processor.
"""

import os

os.environ.setdefault("GOMP_SPINCOUNT", "10000")

from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import nn

from benchmarks.measure import interleaved, show
from pipeline.compute import devices
from pipeline.compute.precision import processor
from pipeline.config.models.gan.train import Train
from pipeline.models.gan.training import Training

BATCH, Z = 100, 100
STEPS = 20  # of each alternative in one timing
ROUNDS = 9
THREADS = 2
PRECISIONS = {"float32": torch.float32, "bf16": torch.bfloat16}


def settings(update: str, precision: str, dropout: bool) -> Train:
    """The paper's nets for MNIST, with Adam."""
    adam = {"name": "adam", "lr": 1e-4}
    uniform = {"name": "uniform", "range": 0.005}
    generator = {"hidden": [1200, 1200], "activation": "relu", "output": "tanh"}
    discriminator = {"hidden": [240, 240], "activation": "maxout", "pieces": 5}
    if dropout:
        discriminator |= {"dropout_input": 0.2, "dropout_hidden": 0.5}
    return Train.model_validate(
        {
            "steps": 10**9,
            "batch_size": BATCH,
            "update": update,
            "precision": precision,
            "noise": {"prior": "gaussian", "dim": Z},
            "generator": generator | {"init": uniform, "optimizer": adam},
            "discriminator": discriminator | {"init": uniform, "optimizer": adam},
        }
    )


class PlainMaxout(nn.Module):
    def __init__(self, inputs: int):
        super().__init__()
        self.linear = nn.Linear(inputs, 240 * 5)

    def forward(self, x):
        return self.linear(x).view(-1, 240, 5).max(dim=2).values


def plain_loop(images: torch.Tensor, dropout: bool) -> Callable[[], None]:
    """Algorithm 1 with k = 1, written as in common examples, with the paper's nets."""
    drop = nn.Dropout if dropout else lambda rate: nn.Identity()
    G = nn.Sequential(
        nn.Linear(Z, 1200),
        nn.ReLU(),
        nn.Linear(1200, 1200),
        nn.ReLU(),
        nn.Linear(1200, 784),
        nn.Tanh(),
    )
    D = nn.Sequential(
        drop(0.2), PlainMaxout(784), drop(0.5), PlainMaxout(240), drop(0.5), nn.Linear(240, 1)
    )
    opt_G, opt_D = (torch.optim.Adam(net.parameters(), 1e-4) for net in (G, D))
    ones, zeros = torch.ones(BATCH, 1), torch.zeros(BATCH, 1)
    loss = F.binary_cross_entropy_with_logits

    def step() -> None:
        real = images[torch.randint(len(images), (BATCH,))]
        fake = G(torch.randn(BATCH, Z))
        opt_D.zero_grad()
        (loss(D(real), ones) + loss(D(fake.detach()), zeros)).backward()
        opt_D.step()
        opt_G.zero_grad()
        loss(D(G(torch.randn(BATCH, Z))), ones).backward()
        opt_G.step()

    return step


def products(dtype: torch.dtype) -> Callable[[], object]:
    """The matrix products of one simultaneous step, and nothing else."""
    g, d = [(Z, 1200), (1200, 1200), (1200, 784)], [(784, 1200), (240, 1200), (240, 1)]
    pairs = []
    for rows, layers in ((BATCH, g), (2 * BATCH, d)):
        for index, (inputs, outputs) in enumerate(layers):
            x, w = torch.randn(rows, inputs).to(dtype), torch.randn(outputs, inputs).to(dtype)
            y = torch.randn(rows, outputs).to(dtype)
            pairs += [(x, w.T), (y.T, x)]  # forward, gradient of the weights
            if index or layers is d:
                pairs.append((y, w))  # gradient of the inputs; D's go on into G
    return lambda: [a @ b for a, b in pairs]


def memory(weights: int) -> Callable[[], object]:
    """Bytes that fused Adam, casting gradients up and casting weights down must move, as plain copies.

    28 + 6 + 6 bytes a weight: reading p, g, m, v, writing p, m, v; then bf16 to float32 and back.
    """
    source, target = torch.zeros(weights * 5), torch.zeros(weights * 5)
    return lambda: target.copy_(source)  # 20 bytes read and 20 written for each weight


def main() -> None:
    devices.reproducible(THREADS)
    images = torch.rand(50_000, 784) * 2 - 1
    shaped = images.view(-1, 1, 28, 28)
    for dropout in (True, False):
        ours = {
            f"{update}, {precision}": Training(
                settings(update, precision, dropout), 0, shaped, torch.device("cpu")
            )
            for update in ("alternating", "simultaneous")
            for precision in PRECISIONS
        }
        one = next(iter(ours.values()))
        weights = one.G.vector.numel() + one.D.vector.numel()
        steps: dict[str, Callable[[], object]] = {name: t.advance for name, t in ours.items()}
        steps |= {
            "plain loop, float32": plain_loop(images, dropout),
            "floor: memory": memory(weights),
        }
        steps |= {f"floor: products, {name}": products(dtype) for name, dtype in PRECISIONS.items()}

        def repeated(step: Callable[[], object]) -> Callable[[], object]:
            return lambda: [step() for _ in range(STEPS)]

        seconds = interleaved({name: repeated(step) for name, step in steps.items()}, ROUNDS)
        per_step = {name: s / STEPS for name, s in seconds.items()}
        cheapest = min(PRECISIONS, key=lambda name: per_step[f"floor: products, {name}"])
        floor = per_step.pop("floor: memory") + min(
            per_step.pop(f"floor: products, {name}") for name in PRECISIONS
        )
        per_step[f"floor: products in {cheapest}, and memory"] = floor
        plain = per_step["plain loop, float32"]
        rows = [
            (name, f"{s * 1e3:.1f}", f"{BATCH / s:,.0f}", f"{plain / s:.2f}", f"{s / floor:.2f}")
            for name, s in per_step.items()
        ]
        show(
            f"The paper's nets, batch {BATCH}, {'with' if dropout else 'without'} dropout, {THREADS} threads",
            ("step", "ms", "images/s", "times as fast as the plain loop", "times the floor"),
            rows,
            f"training_{'dropout' if dropout else 'plain'}",
        )
    low, full = (per_step[f"simultaneous, {name}"] * 1e3 for name in ("bf16", "float32"))
    largest = next(iter(ours.values())).products.multiply_adds
    print(
        f"{processor()}: products of up to {largest:,} multiply-adds: simultaneous step {full:.1f} ms in "
        f"float32, {low:.1f} ms in bf16. pipeline/processors.json should have "
        f"bf16_from: {largest if low < full else 'null'} for it."
    )


if __name__ == "__main__":
    main()
