"""Claims on likelihoods: bounds, chains for gradients, and what a Parzen window says of p(x)."""

import math
import statistics
import time
from typing import Any

import torch
from scipy.stats import spearmanr

from pipeline import paths
from pipeline.claims.finding import Claim, Finding, NotRun, Row, joined, short, verdict
from pipeline.claims.project import Found, Project, is_vae
from pipeline.compute.streams import generator, normal
from pipeline.evaluation import parzen
from pipeline.io.files import read_json
from pipeline.models.rbm import training as rbm
from pipeline.report.settings import seed_groups

SURE = 2.0  # standard errors
DIMENSIONS = (1, 2, 5, 10, 20, 50, 100, 784)
CENTRES, VALID, POINTS = 10_000, 200, 500  # of the experiment on normal distributions
WIDTHS = [10 ** (step / 8 - 1.5) for step in range(16)]  # 0.03 to 2.4
FAR = 1.0  # nats
SYSTEMS = 4  # at least, for an order to mean something
CPU = torch.device("cpu")
TIMED_IMAGES, ROUNDS, UPDATES = 5_000, 15, 20  # for the cost of an update
ALIKE = 0.1  # share by which seconds may differ


def no_bound(project: Project) -> Finding:
    """log p by AIS less the bound that the encoder gives, for the same images and the same noise on pixels."""
    vaes = {run.name for run in project.runs if is_vae(run)}
    rows: list[Row] = [
        ("entry", "sigma", "images", "log p, AIS", "gap of AIS", "IWAE", "ELBO", "AIS − ELBO")
    ]
    numbers = {}
    for name, run in project.likelihoods.items():
        file = paths.Likelihood(name).result
        if run not in vaes or not file.is_file():
            continue
        found = read_json(file)
        ais, elbo = found["log_likelihood"], found["elbo"]
        numbers[name] = {
            "sigma": found["sigma"],
            "images": found["images"],
            "ais": ais["mean"],
            "ais_gap": found["simulated"]["gap"]["mean"],
            "iwae": found["iwae"]["mean"],
            "elbo": elbo["mean"],
            "left": ais["mean"] - elbo["mean"],
        }
        rows.append((name, *(short(value) for value in numbers[name].values())))
    if not numbers:
        raise NotRun("needs an entry of likelihoods for a run with autoencoder: {name: vae}")
    least = min(numbers, key=lambda name: numbers[name]["left"])
    words = (
        f"The bound that a VAE learns from is {short(numbers[least]['left'])} nats below log p by AIS ({least}), and AIS is itself too "
        "low on average."
    )
    return Finding(verdict(numbers[least]["left"] > 0), words, rows, numbers)


def chains_for_gradients(project: Project) -> Finding:
    """Boltzmann machines that differ in where the chains of their gradient start, after about as many seconds of updates."""
    runs = [run for run in project.pictures("rbm") if run.has("theory")]
    numbers = {run.name: machine(run, cost) for run, cost in update_costs(runs)}
    heading = "run", "chains", "updates", "ms an update", "seconds of updates"
    rows: list[Row] = [(*heading, "log p, nats", "in reverse", "Parzen")]
    for name, each in numbers.items():
        shown = (each["update_seconds"] * 1000, each["seconds"], each["log_p"], each["reverse"])
        nats = map(short, (*shown, each["parzen"]))
        rows.append((name, each["kind"], f"{each['updates']:,}", *nats))
    persistent = [each for each in numbers.values() if each["kind"].startswith("PCD")]
    others = [each for each in numbers.values() if each["kind"].startswith("CD")]
    if not persistent or not others:
        raise NotRun("needs theory.json of an RBM with persistent: true and of one with false")
    one = persistent[0]
    other = min(others, key=lambda each: abs(math.log(each["seconds"] / one["seconds"])))
    apart, ratio = one["log_p"] - other["log_p"], other["seconds"] / one["seconds"]
    sure = abs(apart) > SURE * math.hypot(one["error"], other["error"])
    words = (
        f"{one['kind']} has {short(one['log_p'])} nats, {other['kind']} with {short(ratio)} times its seconds {short(other['log_p'])}: "
        f"{short(abs(apart))} apart. Seconds are of a processor, updates of both taken by turns."
    )
    return Finding(verdict(sure and abs(ratio - 1) <= ALIKE, sure), words, rows, numbers)


def machine(run: Found, update_seconds: float) -> dict[str, Any]:
    """What a machine has learned, and in how many seconds at this cost of an update."""
    theory = run.file("theory")
    log_p, reverse = theory["test"]["mean"], theory.get("log_z_in_reverse")
    return {
        "kind": f"{'PCD' if run.train.persistent else 'CD'}-{run.train.gibbs_steps}",
        "updates": run.train.steps,
        "update_seconds": update_seconds,
        "seconds": run.train.steps * update_seconds,
        "log_p": log_p,
        "reverse": None if reverse is None else log_p + theory["log_z"] - reverse,
        "error": math.hypot(theory["test"]["standard_error"], theory["error"] or 0),
        "parzen": run.file("parzen")["log_likelihood"]["mean"] if run.has("parzen") else None,
    }


def update_costs(runs: list[Found]) -> list[tuple[Found, float]]:
    """Runs of RBMs with the processor seconds of an update, the median of rounds in which all take their turns."""
    trainings = [
        rbm.Training(
            run.train, run.settings.seed, run.data.parts["train_images"][:TIMED_IMAGES], CPU
        )
        for run in runs
    ]
    seconds: list[list[float]] = [[] for _ in runs]
    for _ in range(ROUNDS):
        for training, rounds in zip(trainings, seconds, strict=True):
            training.advance()  # brings its weights into the processor's caches
            begun = time.process_time()
            for _ in range(UPDATES):
                training.advance()
            rounds.append((time.process_time() - begun) / UPDATES)
    return [(run, statistics.median(rounds)) for run, rounds in zip(runs, seconds, strict=True)]


def known_densities(project: Project) -> dict[str, list[tuple[Found, float, float]]]:
    """Data -> runs with the log-likelihood of their own and Parzen's of their samples (of bits: means), in nats."""
    found: dict[str, list[tuple[Found, float, float]]] = {}
    for run in project.pictures():
        if not run.has("theory", "parzen"):
            continue
        theory, estimated = run.file("theory"), run.file("parzen")
        if "likelihood" in theory:
            nats = estimated["log_likelihood"]["mean"]
            kind = theory["likelihood"]["data"]
            found.setdefault(kind, []).append((run, theory["test"]["mean"], nats))
    for name, of in project.likelihoods.items():
        file = paths.Likelihood(name).result
        runs = [run for run in project.gans() if run.name == of and run.has("parzen")]
        if runs and file.is_file():
            nats = runs[0].file("parzen")["log_likelihood"]["mean"]
            log_p = read_json(file)["log_likelihood"]["mean"]
            found.setdefault("dequantised", []).append((runs[0], log_p, nats))
    return found


def parzen_order(project: Project) -> Finding:
    """Rank correlation over systems of Parzen's number with the log-likelihood."""
    rows: list[Row] = [("data", "run", "log p, nats", "Parzen, nats")]
    numbers: dict[str, dict] = {}
    for data, systems in known_densities(project).items():
        ordered = sorted(systems, key=lambda system: -system[1])
        rows += [(data, run.name, short(log_p), short(nats)) for run, log_p, nats in ordered]
        if len(ordered) >= SYSTEMS:
            numbers[data] = {
                "rank_correlation": rank_correlation(
                    [s[1] for s in ordered], [s[2] for s in ordered]
                ),
                "log_p": {run.name: log_p for run, log_p, _ in ordered},
                "parzen": {run.name: nats for run, _, nats in ordered},
            }
    if not numbers:
        raise NotRun(
            f"needs theory.json and parzen.json of {SYSTEMS} systems on the same kind of data"
        )
    parts = [
        f"{short(each['rank_correlation'])} over {len(each['log_p'])} systems of {data} images"
        for data, each in numbers.items()
    ]
    worst = min(each["rank_correlation"] for each in numbers.values())
    words = f"Rank correlation of Parzen's nats with log p: {joined(parts)}."
    return Finding(verdict(worst < 0.5, worst < 0.9), words, rows, numbers)


def rank_correlation(x: list[float], y: list[float]) -> float:
    """Spearman's: 1 for the same order, -1 for the opposite one."""
    return float(spearmanr(x, y).statistic)


def parzen_dimensions(project: Project) -> Finding:
    """A Parzen window of draws of N(0, I) against the entropy that is known, by dimension; needs no run."""
    numbers = {}
    rows: list[Row] = [("dimensions", "sigma", "Parzen, nats", "truth, nats", "too low by")]
    for dimensions in DIMENSIONS:
        stream = generator(0, f"normal {dimensions}")
        centres, valid, test = (
            normal((count, dimensions), stream).double() for count in (CENTRES, VALID, POINTS)
        )
        found = parzen.estimate(centres, valid, test, WIDTHS)
        truth = -dimensions / 2 * math.log(2 * math.pi) - test.square().sum(1).mean().item() / 2
        numbers[str(dimensions)] = {
            "sigma": found.sigma,
            "parzen": found.mean,
            "truth": truth,
            "too_low": truth - found.mean,
        }
        rows.append((str(dimensions), *(short(v) for v in numbers[str(dimensions)].values())))
    low = numbers[str(DIMENSIONS[0])]["too_low"]
    high = numbers[str(DIMENSIONS[-1])]["too_low"]
    words = (
        f"{CENTRES:,} windows on draws of a normal distribution itself: {short(low)} nats off in one dimension, {short(high)} too low "
        f"in {DIMENSIONS[-1]}."
    )
    return Finding(verdict(low < FAR < high), words, rows, numbers)


def parzen_k_means(project: Project) -> Finding:
    """Centroids and training images in the place of samples."""
    found = {
        run.name: (
            run.train.baseline,
            run.file("parzen")["log_likelihood"]["mean"],
            run.settings.sample.count,
        )
        for run in project.pictures("baseline")
        if run.has("parzen")
    }
    centroids = [
        (name, nats, count) for name, (of, nats, count) in found.items() if of.name == "k_means"
    ]
    real = [
        (name, nats, count)
        for name, (of, nats, count) in found.items()
        if of.name == "images" and centroids and count == centroids[0][2]
    ]
    if not centroids or not real:
        raise NotRun("needs parzen.json of baselines k_means and images with as many samples")
    numbers = {name: nats for name, (_, nats, _) in found.items()}
    above = centroids[0][1] - real[0][1]
    rows: list[Row] = [("in the place of samples", "Parzen, nats")]
    rows += [(name, short(nats)) for name, nats in numbers.items()]
    words = (
        f"Centroids of k-means have {short(centroids[0][1])} nats, real training images {short(real[0][1])}: "
        f"{short(abs(above))} {'more' if above > 0 else 'less'} for averages that are blurred."
    )
    return Finding(verdict(above > 0), words, rows, numbers)


def parzen_seeds(project: Project) -> Finding:
    """Deviation over seeds of the same settings."""
    gans = {run.name: run for run in project.runs if run.data.is_picture and run.has("parzen")}
    groups = [g for g in seed_groups({n: r.settings for n, r in gans.items()}) if len(g) > 1]
    if not groups:
        raise NotRun("needs parzen.json of runs on pictures that differ in their seed only")
    rows: list[Row] = [
        ("runs", "seeds", "Parzen, nats", "std over seeds", "error over test images")
    ]
    numbers = {}
    for group in groups:
        each = [gans[name].file("parzen")["log_likelihood"] for name in group]
        nats = [one["mean"] for one in each]
        numbers[group[0]] = {
            "seeds": len(group),
            "mean": statistics.fmean(nats),
            "std": statistics.stdev(nats),
            "error": statistics.fmean(one["standard_error"] for one in each),
        }
        rows.append((group[0], *(short(value) for value in numbers[group[0]].values())))
    widest = max(numbers.values(), key=lambda one: one["std"] / one["error"])
    words = (
        f"Seeds differ by {short(widest['std'])} nats (std over {widest['seeds']}), where the error that is published with the "
        f"estimate is {short(widest['error'])}."
    )
    more = widest["std"] > widest["error"]
    return Finding(verdict(more, widest["std"] > widest["error"] / 2), words, rows, numbers)


CLAIMS = (
    Claim(
        "no_bound",
        "section 2; tutorial of 2016",
        "A GAN learns from no variational bound; what a VAE learns from is one, and stays below log p.",
        no_bound,
    ),
    Claim(
        "chains_for_gradients",
        "sections 1 and 2, Table 2",
        "Undirected models need Markov chains to estimate their gradient, and how those mix decides what is learned; "
        "a GAN needs backpropagation only.",
        chains_for_gradients,
    ),
    Claim(
        "parzen_order",
        "section 5; Theis et al. 2016",
        "A GAN has no explicit p(x); Parzen windows stand in for it and need not have the order of the likelihood.",
        parzen_order,
        shows_rows=False,
    ),
    Claim(
        "parzen_dimensions",
        "section 5",
        "The Parzen estimate does not do well in many dimensions.",
        parzen_dimensions,
        shows_rows=False,
    ),
    Claim(
        "parzen_k_means",
        "Theis et al. 2016",
        "By Parzen's measure centroids of k-means are better samples than real images.",
        parzen_k_means,
        shows_rows=False,
    ),
    Claim(
        "parzen_seeds",
        "section 5",
        "The estimate has a somewhat high variance.",
        parzen_seeds,
        shows_rows=False,
    ),
)
