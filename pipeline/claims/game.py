"""Claims on how the two players learn: collapse, the inner loop, saturation, D at the end."""

import math
from collections.abc import Callable
from statistics import fmean

import numpy as np

from pipeline.claims.finding import Claim, Finding, NotRun, Row, Verdict, joined, short, verdict
from pipeline.claims.project import Found, Project
from pipeline.claims.varied import Groups, varied

G_STEPS, K, LOSS = "train.generator_steps", "train.discriminator_steps", "train.loss"
EARLY_STEPS = 200
LOST = 0.1  # of the recall: a collapse
WIDER = 0.02  # a gap of D's means
NEAR_HALF = 0.05
STRONGER = 2.0  # times


def of_all(each: list[bool]) -> Verdict:
    """Supported if all are so, limited if some are."""
    return verdict(all(each), any(each))


def averaged(
    groups: Groups, numbers_of: Callable[[Found], dict[str, float]]
) -> dict[str, dict[str, dict[str, float]]]:
    """`numbers_of` (run -> numbers) of each value, means over seeds, without runs that lack a file; NotRun if no group keeps two
    values."""
    found, lacks = {}, "needs files of these runs"
    for group in groups:
        each = {}
        for value, runs in group.items():
            parts = []
            for run in runs:
                try:
                    parts.append(numbers_of(run))
                except NotRun as lack:
                    lacks = str(lack)
            if parts:
                each[str(value)] = {key: fmean([part[key] for part in parts]) for key in parts[0]}
        if len(each) > 1:
            found[next(iter(group.values()))[0].name] = each
    if not found:
        raise NotRun(lacks)
    return found


def table(numbers: dict, headings: tuple[str, ...]) -> list[Row]:
    """A row for each value of each group."""
    rows: list[Row] = [headings]
    for name, group in numbers.items():
        for value, each in group.items():
            rows.append((name, value, *(short(number) for number in each.values())))
    return rows


def ends(group: dict[str, dict[str, float]], key: str) -> tuple[float, float]:
    """The number at the smallest and at the largest value."""
    values = [each[key] for each in group.values()]
    return values[0], values[-1]


def helvetica(project: Project) -> Finding:
    """Classes, recall and duplicates by the steps that G takes for each round of D's."""

    def numbers_of(run: Found) -> dict[str, float]:
        metrics = run.file("metrics")
        keys = ("classes_hit", "recall", "precision", "duplicate_rate")
        return {key: metrics[key] for key in keys}

    groups = varied(project, G_STEPS)
    numbers = averaged(groups, numbers_of)
    collapsed, words = [], []
    for name, group in numbers.items():
        (classes, fewer), (recall, less) = ends(group, "classes_hit"), ends(group, "recall")
        collapsed.append(fewer < classes or recall - less > LOST)
        least, most = next(iter(group)), list(group)[-1]
        words.append(
            f"{name}: from {least} to {most} steps of G recall goes from {short(recall)} to {short(less)}, classes from "
            f"{short(classes)} to {short(fewer)}"
        )
    headings = ("runs", "steps of G", "classes", "recall", "precision", "duplicates")
    return Finding(of_all(collapsed), "; ".join(words) + ".", table(numbers, headings), numbers)


def inner_loop(project: Project) -> Finding:
    """The gap of D between training and held-out images, by k."""

    def numbers_of(run: Found) -> dict[str, float]:
        seen = run.file("theory")["d_mean"]
        return {
            "train": seen["train"],
            "test": seen["test"],
            "gap": seen["train"] - seen["test"],
            "recall": run.file("metrics")["recall"],
        }

    numbers = averaged(varied(project, K, pictures=True), numbers_of)
    wider, words = [], []
    for name, group in numbers.items():
        least, most = ends(group, "gap")
        wider.append(most > least + WIDER)
        words.append(
            f"{name}: D's mean on training images less that on held-out ones is {short(least)} at k = {next(iter(group))}, "
            f"{short(most)} at k = {list(group)[-1]}"
        )
    headings = ("runs", "k", "D, training images", "D, held-out images", "gap", "recall")
    return Finding(of_all(wider), "; ".join(words) + ".", table(numbers, headings), numbers)


def near_optimum(project: Project) -> Finding:
    """|D - D*| by k, where the density is known."""

    def numbers_of(run: Found) -> dict[str, float]:
        rows = [row for row in run.file("theory")["over_training"] if row["step"] > 0]
        late = rows[len(rows) // 2 :]
        return {
            "throughout": fmean([row["d_to_optimum"] for row in rows]),
            "second_half": fmean([row["d_to_optimum"] for row in late]),
            "jsd": run.file("theory")["final"]["jsd"],
        }

    numbers = averaged(varied(project, K, pictures=False), numbers_of)
    nearer, words = [], []
    for name, group in numbers.items():
        least, most = ends(group, "throughout")
        nearer.append(most < least)
        words.append(
            f"{name}: |D − D*| is {short(least)} on average at k = {next(iter(group))}, {short(most)} at k = {list(group)[-1]}"
        )
    headings = ("runs", "k", "|D − D*|, mean over training", "second half", "JSD at the end, nats")
    return Finding(of_all(nearer), "; ".join(words) + ".", table(numbers, headings), numbers)


def saturation(project: Project) -> Finding:
    """Norms of G's gradient in the first steps under both losses."""
    numbers: dict[str, dict] = {}
    rows: list[Row] = [("runs", "loss", "D(G(z)), lowest", "gradient of G then", "early median")]
    ratios = {}
    for group in varied(project, LOSS):
        if not {"minimax", "non_saturating"} <= set(group):
            continue
        name = group["non_saturating"][0].name
        numbers[name] = {loss: early(group[loss][0]) for loss in ("minimax", "non_saturating")}
        for loss, each in numbers[name].items():
            at = int(np.argmin(each["d_fake"]))
            rows.append(
                (
                    name,
                    loss.replace("_", "-"),
                    short(each["d_fake"][at]),
                    short(each["norm"][at]),
                    short(float(np.median(each["norm"]))),
                )
            )
        weakest = {loss: min(each["norm"]) for loss, each in numbers[name].items()}
        ratios[name] = weakest["non_saturating"] / max(weakest["minimax"], 1e-30)
    if not ratios:
        raise NotRun(f"needs two runs with {LOSS}: minimax and non_saturating, otherwise the same")
    parts = [f"{short(ratio)} times ({name})" for name, ratio in ratios.items()]
    words = (
        f"In the first {EARLY_STEPS} steps the weakest gradient of G under the non-saturating loss is {joined(parts)} that "
        "under minimax."
    )
    found = verdict(min(ratios.values()) > STRONGER, max(ratios.values()) > 1)
    return Finding(found, words, rows, numbers)


def early(run: Found) -> dict[str, list[float]]:
    """The rows of training.tsv up to EARLY_STEPS."""
    log = run.log()
    first = log["step"] <= EARLY_STEPS
    if not first.any():
        raise NotRun(
            f"needs rows of {run.files.log} up to step {EARLY_STEPS}: lower train.log_steps"
        )
    return {
        "step": log["step"][first].tolist(),
        "norm": log["g_gradient_norm"][first].tolist(),
        "d_fake": log["d_fake"][first].tolist(),
    }


def one_half(project: Project) -> Finding:
    """How often D at the end tells held-out images from samples; of points its distance from 1/2."""
    numbers = {}
    for run in project.runs:
        if run.family == "gan" and run.train.autoencoder is None and run.has("theory"):
            theory = run.file("theory")
            if theory["kind"] == "bound":
                numbers[run.name] = accuracy(theory["d_histogram"])
    if not numbers:
        raise NotRun("needs theory.json of a GAN on pictures")
    rows: list[Row] = [("run", "D is right about")]
    rows += [(name, f"{share:.1%}") for name, share in numbers.items()]
    name, share = next(iter(numbers.items()))
    words = f"At the end of {name} D tells {share:.1%} of held-out images and samples apart; a coin would tell 50 %."
    return Finding(verdict(abs(share - 0.5) < NEAR_HALF, share < 0.9), words, rows, numbers)


def accuracy(histogram: dict[str, list[float]]) -> float:
    """Share of test images with D above 1/2 and of samples with D below, in equal parts; from shares of bins of [0, 1]."""
    real, fake = histogram["test"], histogram["generated"]
    middle = math.floor(len(real) / 2)
    return (sum(real[middle:]) + sum(fake[:middle])) / 2


CLAIMS = (
    Claim(
        "helvetica",
        "section 6, Table 2",
        'G must not learn too much without D, or it maps too many z to one x: "the Helvetica scenario".',
        helvetica,
    ),
    Claim(
        "inner_loop",
        "section 3",
        "To bring D to its optimum in every step would, on finite data, overfit.",
        inner_loop,
    ),
    Claim(
        "near_optimum",
        "section 3, Algorithm 1",
        "k steps of D for each of G keep D near its optimum.",
        near_optimum,
    ),
    Claim(
        "saturation",
        "section 3",
        "Early, when D rejects samples with confidence, log(1 − D(G(z))) saturates; to maximise log D(G(z)) gives G "
        "stronger gradients.",
        saturation,
    ),
    Claim(
        "one_half",
        "sections 3 and 4, Figure 1",
        "In the end samples have the data's density and D is 1/2 everywhere.",
        one_half,
        shows_rows=False,
    ),
)
