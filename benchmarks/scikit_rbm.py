"""python -m benchmarks.scikit_rbm: scikit-learn's BernoulliRBM beside this project's, on MNIST.

The same 784-500 machine, minibatches, passes and learning rates as the run `rbm` of recipes/table1.yaml, by the same kind of
learning: persistent contrastive divergence with as many chains as a minibatch has images. It knows no offsets, and its
visible biases begin at 0. log Z as of our own, by annealed importance sampling and in reverse. Needs
data/normalized/mnist.safetensors; about ten minutes.
"""

import argparse
import time
from pathlib import Path

import torch
from sklearn.neural_network import BernoulliRBM
from torch import Tensor

from benchmarks.measure import show
from pipeline.compute.streams import generator
from pipeline.io.tensors import read_tensors
from pipeline.models.common import binary
from pipeline.models.rbm import ais
from pipeline.models.rbm.centred import base_rates
from pipeline.models.rbm.energy import Rbm
from pipeline.models.rbm.gibbs import sweep

HIDDEN, BATCH, RATE = 500, 100, 0.1
CHAINS, BETAS, MIXING_STEPS = 100, 14_500, 1_000
BITS = "dynamic"


def trained(grey_NV: Tensor, passes: int) -> BernoulliRBM:
    """`grey_NV`: in [-1, 1]; each pass draws its bits anew and its order, at a rate that falls to 0 on a line."""
    machine = BernoulliRBM(HIDDEN, learning_rate=RATE, batch_size=BATCH, random_state=0)
    stream = generator(0, "bits")
    for index in range(passes):
        bits_NV = binary.draw(grey_NV, stream)[torch.randperm(len(grey_NV), generator=stream)]
        machine.learning_rate = RATE * (1 - index / passes)
        for minibatch in bits_NV.split(BATCH):
            machine.partial_fit(minibatch.numpy())
    return machine


def log_likelihood(machine: BernoulliRBM, train_NV: Tensor, test_NV: Tensor) -> tuple:
    """Of bits: mean over `test_NV`, its standard error, the same with log Z by AIS in reverse, effective chains; nats."""
    parts = (machine.components_.T, machine.intercept_visible_, machine.intercept_hidden_)
    rbm = Rbm(*(torch.tensor(part, dtype=torch.float32) for part in parts))
    base_V, betas = base_rates(train_NV.mean(0)), ais.betas(BETAS)
    there = ais.forwards(rbm, base_V, betas, CHAINS, generator(0, "AIS"))
    h_RH = torch.tensor(machine.h_samples_, dtype=torch.float32)
    v_RV = sweep(rbm, h_RH, MIXING_STEPS, generator(0, "mixing before AIS")).v_BV
    back = ais.in_reverse(rbm, base_V, betas, v_RV, generator(0, "AIS in reverse"))
    energies = -rbm.free_energy(test_NV).double()
    error = energies.std().item() / len(energies) ** 0.5
    mean = energies.mean().item()
    return mean - there.log_z, error, mean - back.log_z, there.effective_chains


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--passes", type=int, default=50)
    passes = parser.parse_args().passes
    data = read_tensors(Path("data/normalized/mnist.safetensors"))
    grey_NV = data["train_images"].flatten(1)
    begun = time.perf_counter()
    machine = trained(grey_NV, passes)
    seconds = time.perf_counter() - begun
    test_NV = binary.once(data["test_images"], BITS, "test").flatten(1)
    mean, error, in_reverse, effective = log_likelihood(machine, (grey_NV + 1) / 2, test_NV)
    header = (
        "passes",
        "seconds",
        "log p of test bits",
        "standard error",
        "in reverse",
        "effective chains of 100",
    )
    row = (
        passes,
        f"{seconds:.0f}",
        f"{mean:.2f}",
        f"{error:.2f}",
        f"{in_reverse:.2f}",
        f"{effective:.0f}",
    )
    show("scikit-learn's BernoulliRBM, 784-500, PCD-1, MNIST", header, [row], "scikit_rbm")


if __name__ == "__main__":
    main()
