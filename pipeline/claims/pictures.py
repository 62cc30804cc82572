"""Claims on what samples look like: sharpness, blur that chains need, paths between samples, adversarial examples."""

import torch
import torch.nn.functional as F
from torch import Tensor

from pipeline.claims.finding import Claim, Finding, NotRun, Row, short, verdict
from pipeline.claims.mixing import change_rate
from pipeline.claims.project import Data, Found, Project
from pipeline.claims.sharpness import fine_energy
from pipeline.compute.streams import generator
from pipeline.evaluation import extractors, metrics, neighbours
from pipeline.evaluation.real_data import some, to_unit
from pipeline.models.gan.interpolation import PATHS

NOISE = (0.1, 0.25, 0.5, 1.0, 1.5)  # times the noise that the chain was trained with
CHAINS, STEPS = 200, 50
COPY_IMAGES = 2_000  # test images that say how near a copy is
RARE = 0.01
PAIRS = 5_000  # of points, and images between them
STRENGTHS = (0.1, 0.2, 0.3)  # of adversarial examples; pixels in [0, 1]
ATTACKED = 1_000  # test images
SHOWN = 8  # in the figure


def sharper(project: Project) -> Finding:
    """Fine detail of samples, in units of that of test images."""
    vae, gan = project.vaes()[0], project.gans()[0]
    real = fine_energy(gan.data.parts["test_images"])
    numbers = {}
    for run in project.pictures():
        if run.files.samples.is_file():
            numbers[run.name] = fine_energy(run.samples()) / real
    rows: list[Row] = [("samples of", "fine detail, test images = 1")]
    rows += [
        (name, short(value)) for name, value in sorted(numbers.items(), key=lambda one: one[1])
    ]
    if not {vae.name, gan.name} <= set(numbers):
        raise NotRun("needs samples of a GAN and of a VAE")
    blurred, sharp = numbers[vae.name], numbers[gan.name]
    words = (
        f"Energy above half of the highest frequency: {short(sharp)} of that of test images in samples of {gan.name}, "
        f"{short(blurred)} in those of {vae.name}. Noise counts as detail, too."
    )
    closer = abs(sharp - 1) < abs(blurred - 1)
    return Finding(verdict(closer and blurred < 1, closer), words, rows, numbers)


def blur_to_mix(project: Project) -> Finding:
    """Chains from training images at several levels of noise: classes, copies, detail after STEPS steps."""
    rows: list[Row] = [
        ("run", "noise", "class changes per step", "copies", "fine detail", "class of the start")
    ]
    numbers: dict[str, dict] = {}
    for run in project.pictures("gsn", "cae"):
        start = some(run.data.parts["train_images"], CHAINS)
        labels = run.data.classes(start)
        usual = distances(some(run.data.parts["test_images"], COPY_IMAGES), run.data)
        real = fine_energy(run.data.parts["test_images"])
        numbers[run.name] = {}
        for factor in NOISE:
            seen = walked(run, start, factor)
            classes = torch.stack([labels, *(run.data.classes(images) for images in seen)])
            each = {
                "changes": change_rate(classes),
                "copies": neighbours.share_below_the_rarest(distances(seen[-1], run.data), usual),
                "detail": fine_energy(seen[-1]) / real,
                "stayed": (classes[-1] == labels).double().mean().item(),
            }
            numbers[run.name][str(factor)] = each
            rows.append((run.name, f"× {factor:g}", *(short(value) for value in each.values())))
    names = list(numbers)
    levels = [(each[str(NOISE[0])], each["1.0"]) for each in numbers.values()]
    mixes = [usual["changes"] > low["changes"] for low, usual in levels]
    blurs = [usual["detail"] < 1 or usual["copies"] < low["copies"] for low, usual in levels]
    low, usual = levels[0]
    words = (
        f"{names[0]}: with {NOISE[0]:g} of its noise {short(low['changes'])} of the steps change the class and "
        f"{short(low['copies'])} of the images are copies, with all of it {short(usual['changes'])} and {short(usual['copies'])}."
    )
    both = [mixed and blurred for mixed, blurred in zip(mixes, blurs, strict=True)]
    return Finding(verdict(all(both), any(both)), words, rows, numbers)


@torch.no_grad()
def walked(run: Found, start_BCHW: Tensor, factor: float) -> list[Tensor]:
    """Images after each of STEPS steps of chains with `factor` times the noise that they were trained with."""
    chain, stream = run.saved.chain(run.weights), generator(0, f"noise {factor}")
    if run.family == "gsn":
        chain.net.corruption = min(1.0, chain.net.corruption * factor)
        chain.net.noise_std *= factor
    else:
        chain.std *= factor
    state, seen = chain.start(to_unit(start_BCHW), stream), []
    for _ in range(STEPS):
        state, means = chain.move(state, 1, stream)
        seen.append(run.saved.images(means))
    return seen


def distances(images_NCHW: Tensor, data: Data) -> Tensor:
    """[N]: of each image to the nearest training image, pixels in [0, 1]."""
    return neighbours.nearest(to_unit(images_NCHW), to_unit(data.parts["train_images"]))


@torch.no_grad()
def interpolation(project: Project) -> Finding:
    """Images half-way between random points of a Gaussian prior, on lines and on great circles."""
    runs = [run for run in project.gans() if run.train.noise.prior == "gaussian"]
    if not runs:
        raise NotRun("needs a GAN on pictures with noise: {prior: gaussian}")
    run = runs[0]
    G, dim = run.saved.generator(run.weights), run.saved.train.noise.dim
    ends = G.latent(2 * PAIRS, generator(0, "pairs"))
    half = torch.tensor([0.5])
    points = {"ends": ends.z[:PAIRS]} | {
        name: torch.cat([path(a, b, half) for a, b in ends.z.split(2)])
        for name, path in PATHS.items()
    }
    labels = None if ends.labels is None else ends.labels[:PAIRS]
    test = run.data.seen(run.data.parts["test_images"])
    numbers = {}
    for name, z in points.items():
        images = torch.cat(
            [
                G(part, None if labels is None else labels[start : start + 1_000])
                for start, part in zip(range(0, PAIRS, 1_000), z.split(1_000), strict=True)
            ]
        )
        numbers[name] = {
            "norm": (z.norm(dim=1) / dim**0.5).mean().item(),
            "fid": metrics.distances(run.data.seen(images), test, 0)["fid"],
            "fine_detail": fine_energy(images) / fine_energy(run.data.parts["test_images"]),
        }
    rows: list[Row] = [("half-way on", "norm of z / √dim", "FID", "fine detail")]
    rows += [
        (name.replace("_", " "), *(short(value) for value in each.values()))
        for name, each in numbers.items()
    ]
    line, circle = numbers["line"]["fid"], numbers["great_circle"]["fid"]
    words = (
        f"Half-way images of {run.name} have FID {short(line)} on straight lines, whose points are too short by a factor of "
        f"{numbers['line']['norm']:.2f}, {short(circle)} on great circles and {short(numbers['ends']['fid'])} at the ends."
    )
    return Finding(verdict(circle < 0.95 * line, circle < line), words, rows, numbers)


def adversarial(project: Project) -> Finding:
    """The classifier of the metrics on test images that were moved against it, beside samples."""
    gan = project.gans()[0]
    data = gan.data
    about, tensors = data.extractor
    if about["kind"] != "classifier":
        raise NotRun("needs images with labels")
    x = some(data.parts["test_images"], ATTACKED)
    y = some(data.parts["test_labels"], ATTACKED)
    net = extractors.Classifier(tuple(x.shape[1:]), len(tensors["last.bias"]))  # type: ignore[arg-type]
    net.load_state_dict(tensors)
    numbers: dict[str, dict] = {"0": {"right": right(net, x, y), "confidence": confidence(net, x)}}
    for strength in STRENGTHS:
        moved = fast_gradient(net, x, y, strength)
        numbers[f"{strength:g}"] = {
            "right": right(net, moved, y),
            "confidence": confidence(net, moved),
        }
    numbers["samples"] = {"right": None, "confidence": confidence(net, gan.samples()[:ATTACKED])}
    rows: list[Row] = [("images", "classified as before", "mean confidence")]
    names = [
        "test images",
        *(f"moved by {s:g} of the range" for s in STRENGTHS),
        f"samples of {gan.name}",
    ]
    rows += [
        (name, *(short(value) for value in each.values()))
        for name, each in zip(names, numbers.values(), strict=True)
    ]
    strong = numbers[f"{STRENGTHS[-1]:g}"]
    words = (
        f"Each pixel moved by {STRENGTHS[-1]:g} against the classifier: {strong['right']:.0%} of test images keep their class, and it is "
        f"{strong['confidence']:.0%} sure of what it says. Such images are made from data and a classifier, one by one; "
        "they are no model of the data."
    )
    moved = fast_gradient(net, x[:SHOWN], y[:SHOWN], STRENGTHS[-1])
    shown = [
        (name, images, [str(label) for label in data.classes(images).tolist()])
        for name, images in (
            ("test images", x[:SHOWN]),
            (f"moved by {STRENGTHS[-1]:g}", moved),
            (gan.name, gan.samples()[:SHOWN]),
        )
    ]
    found = verdict(strong["right"] < 0.5, strong["right"] < 0.9)
    return Finding(found, words, rows, numbers, shown)


def fast_gradient(net: extractors.Classifier, x: Tensor, y: Tensor, strength: float) -> Tensor:
    """`x` [N, C, H, W] in [-1, 1], each pixel moved by `strength` of the range to where the loss of labels `y` rises
    (Goodfellow et al. 2015, section 4)."""
    moved = x.clone().requires_grad_()
    (gradient,) = torch.autograd.grad(F.cross_entropy(net(moved)[1], y, reduction="sum"), moved)
    return (x + 2 * strength * gradient.sign()).clamp(-1, 1)


@torch.no_grad()
def right(net: extractors.Classifier, x: Tensor, y: Tensor) -> float:
    """Share of images that are given their labels."""
    return extractors.accuracy(net(x)[1], y)


@torch.no_grad()
def confidence(net: extractors.Classifier, x: Tensor) -> float:
    """Mean probability of the class that is named."""
    return net(x)[1].softmax(dim=1).amax(dim=1).mean().item()


CLAIMS = (
    Claim(
        "sharper",
        "tutorial of 2016",
        "Samples of GANs are sharper than those of VAEs.",
        sharper,
    ),
    Claim(
        "blur_to_mix",
        "section 6, Table 2",
        "GANs can represent sharp, even degenerate distributions; a Markov chain needs some blur to get from mode to mode, so "
        "it trades mixing for faithfulness.",
        blur_to_mix,
        shows_rows=False,
    ),
    Claim(
        "great_circles",
        "White 2016",
        "Straight lines between points of a Gaussian prior leave the shell on which it lies; great circles do not, and their "
        "images are better.",
        interpolation,
        shows_rows=False,
    ),
    Claim(
        "adversarial_examples",
        "section 2 (NIPS version)",
        "Adversarial examples are something else: images moved a little against a classifier, no way to train a generator.",
        adversarial,
    ),
)
