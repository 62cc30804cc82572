"""Claims on gradients: outputs and latent variables that are discrete, noise that goes to 0."""

from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor

from pipeline.claims.finding import Claim, Finding, NotRun, Row, short, verdict
from pipeline.claims.project import Project
from pipeline.compute.streams import generator, normal
from pipeline.evaluation.real_data import some

LATENTS, IMAGES = 200, 100
LEVELS = 255
SIGMAS = (1.0, 0.3, 0.1, 0.03, 0.01, 0.003)
DRAWS = 500  # of noise and of the same noise with the other sign


def rounded(x: Tensor, levels: int) -> Tensor:
    """Numbers in [-1, 1] as one of `levels` + 1 levels: a step function, whose derivative is 0 wherever it has one."""
    return ((x + 1) / 2 * levels).round() / levels * 2 - 1


def norm_of_gradient(loss: Tensor, inputs: list[Tensor]) -> float:
    """Of a loss with regard to `inputs`, all of them together; 0 where it does not depend on them."""
    found = torch.autograd.grad(loss, inputs, allow_unused=True)
    return sum(g.square().sum().item() for g in found if g is not None) ** 0.5


def discrete_outputs(project: Project) -> Finding:
    """The gradient of -E log D(G(z)) with outputs as they are, as grey levels, and as bits."""
    run = project.gans()[0]
    G, D = run.saved.generator(run.weights), run.saved.discriminator()
    latent = G.latent(LATENTS, generator(0, "discrete"))
    outputs: dict[str, Callable[[Tensor], Tensor]] = {
        "as they are": lambda x: x,
        f"{LEVELS + 1} grey levels": lambda x: rounded(x, LEVELS),
        "bits": lambda x: rounded(x, 1),
    }
    params = list(G.parameters())
    numbers = {
        name: norm_of_gradient(F.softplus(-D(shape(G(*latent)), latent.labels)).mean(), params)
        for name, shape in outputs.items()
    }
    rows: list[Row] = [("outputs of G", "norm of the gradient of its loss")]
    rows += [(name, short(norm)) for name, norm in numbers.items()]
    words = (
        f"The gradient of {run.name}'s G has norm {short(numbers['as they are'])} through its outputs, "
        f"{short(numbers['bits'])} through the same as bits or grey levels."
    )
    zero = numbers["bits"] == 0 and numbers["as they are"] > 0
    return Finding(verdict(zero), words, rows, numbers)


def discrete_latents(project: Project) -> Finding:
    """The gradient of a VAE's reconstruction with regard to q(z|x), with z as drawn and rounded."""
    run = project.vaes()[0]
    G, stream = run.saved.generator(run.weights), generator(0, "discrete")
    x = some(run.data.parts["test_images"], IMAGES)
    mean, log_variance = (part.clone().requires_grad_() for part in run.saved.posterior(x))
    noise = normal(mean.shape, stream)

    def error(shape: Callable[[Tensor], Tensor]) -> Tensor:
        z = shape(mean + (log_variance / 2).exp() * noise)
        return (G(z) - x).square().flatten(1).sum(dim=1).mean()

    numbers = {
        "as drawn": norm_of_gradient(error(lambda z: z), [mean, log_variance]),
        "whole numbers": norm_of_gradient(error(torch.round), [mean, log_variance]),
    }
    rows: list[Row] = [("z", "norm of the gradient of the squared error, with regard to q(z|x)")]
    rows += [(name, short(norm)) for name, norm in numbers.items()]
    words = (
        f"The encoder of {run.name} gets a gradient of norm {short(numbers['as drawn'])} through z, "
        f"{short(numbers['whole numbers'])} through z in whole numbers."
    )
    return Finding(
        verdict(numbers["whole numbers"] == 0 < numbers["as drawn"]), words, rows, numbers
    )


def noise_to_zero(project: Project) -> Finding:
    """How far the gradient of D's mean over noisy inputs is from D's gradient."""
    runs = [run for run in project.runs if run.family == "gan" and run.train.conditional is None]
    runs = [run for run in runs if run.data.is_picture]
    if not runs:
        raise NotRun("needs a GAN on pictures that is not conditional")
    run = runs[0]
    D = run.saved.discriminator()
    x = some(run.data.parts["test_images"], 1)
    straight = gradient_of_blurred(D, x, 0.0, generator(0, "identity"))
    numbers = {}
    for sigma in SIGMAS:
        found = gradient_of_blurred(D, x, sigma, generator(0, "identity"))
        numbers[f"{sigma:g}"] = ((found - straight).norm() / straight.norm()).item()
    rows: list[Row] = [("sigma of the noise", "relative distance of the gradients")]
    rows += [(sigma, short(apart)) for sigma, apart in numbers.items()]
    first, last = numbers[f"{SIGMAS[0]:g}"], numbers[f"{SIGMAS[-1]:g}"]
    words = (
        f"Gradient of {run.name}'s D averaged over noise, against the gradient itself: {short(first)} of its norm apart at sigma "
        f"{SIGMAS[0]:g}, {short(last)} at {SIGMAS[-1]:g}."
    )
    return Finding(verdict(last < 0.05 and last < first, last < first), words, rows, numbers)


def gradient_of_blurred(
    f: Callable[[Tensor], Tensor], x_1CHW: Tensor, sigma: float, stream: torch.Generator
) -> Tensor:
    """Gradient at x of the mean of f(x + noise) over DRAWS draws of N(0, sigma^2) and their opposites."""
    noise = sigma * normal((DRAWS, *x_1CHW.shape[1:]), stream)
    x = x_1CHW.clone().requires_grad_()
    (gradient,) = torch.autograd.grad(f(x + torch.cat([noise, -noise])).mean(), x)
    return gradient


CLAIMS = (
    Claim(
        "discrete_outputs",
        "section 2",
        "G learns through its outputs, so they cannot be discrete.",
        discrete_outputs,
        shows_rows=False,
    ),
    Claim(
        "discrete_latents",
        "section 2",
        "A VAE learns through its latent variables, so those cannot be discrete.",
        discrete_latents,
        shows_rows=False,
    ),
    Claim(
        "noise_to_zero",
        "section 2",
        "Backpropagation through a deterministic net is the limit of that through one with noise: the gradient of "
        "E f(x + noise) goes to that of f(x) as sigma goes to 0.",
        noise_to_zero,
        shows_rows=False,
    ),
)
