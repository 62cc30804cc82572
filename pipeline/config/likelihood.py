"""`likelihoods.L` of params.yaml: log p(x) of a run's G with Gaussian noise on its pixels (Wu et al. 2017)."""

from typing import Annotated, Literal

from pydantic import Field

from pipeline.config.base import Positive, Scale, Section, Seed
from pipeline.config.parzen import Exponent, SigmaGrid

Chains = Annotated[int, Field(gt=0, le=10_000)]
Temperatures = Annotated[int, Field(gt=0, le=1_000_000)]


class SigmaSearch(SigmaGrid):
    """Deviations, of which the one with the largest log p of validation images is taken; pixels in [0, 1]."""

    log10_start: Exponent = -1.3  # 0.05; Wu et al. came to 0.07 to 0.17 on MNIST
    log10_stop: Exponent = -0.6  # 0.25
    points: Annotated[int, Field(gt=0, le=100)] = 8
    images: Positive = 10  # of the validation images
    temperatures: Temperatures = 100  # fewer than for the estimate: differences are of tens of nats


class Hmc(Section):
    """Hamiltonian Monte Carlo: a move at each temperature."""

    leapfrog_steps: Annotated[int, Field(gt=0, le=10_000)] = 5  # gradients a move
    acceptance: Annotated[float, Field(ge=0.05, le=0.99)] = (
        0.65  # what step sizes aim at; Wu et al.
    )


class Likelihood(Section):
    """One entry of `likelihoods:`; log-likelihoods are in nats, pixels in [0, 1]."""

    run: str  # with a G of z: model: gan, hybrids with an encoder included
    dataset: str  # the run's, once more: DVC looks up no name inside another entry
    seed: Seed
    threads: Annotated[int, Field(gt=0, le=1024)]
    device: Literal["auto", "cpu", "cuda"] = "auto"  # auto: a GPU where there is one
    # G's moving average or its last weights; null: the average where the run keeps one
    weights: Literal["ema", "raw"] | None = None
    images: Positive = 100  # test images, chosen at random; Wu et al.: 1,000
    simulated_images: Positive = 20  # images of G, whose log p is bounded from above, too
    # a few minutes on two cores for the nets of the paper; Wu et al.: 16 chains, 10,000 temperatures, 10
    # leapfrog steps, fifty hours there
    chains: Chains = 8  # of each image
    temperatures: Temperatures = 500
    hmc: Hmc = Hmc()
    sigma: Scale | None = None  # of the noise; null: chosen by the search
    sigma_search: SigmaSearch = SigmaSearch()
