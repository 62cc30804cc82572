"""Claims on how samples are drawn: passes, Markov chains, means and states, what G may be, copies."""

from typing import Any

import torch

from pipeline.claims.finding import Claim, Finding, NotRun, Row, joined, short, verdict
from pipeline.claims.mixing import autocorrelation, classes_met, steps_to_independence
from pipeline.claims.project import Found, Project
from pipeline.compute.streams import generator

COUNT = 10_000  # samples that costs are given for
LAGS = (1, 2, 5, 10, 20, 50, 100, 200, 500, 1_000, 2_000)
SHORT, LONG = 100, 1_000  # steps of a chain in which classes are counted
VIEWS = (
    "means",
    "states",
    "one_chain",
)  # those of models that draw by chains; see models/common/chains.py
RARE = 0.01  # share of test images that count as copies, by definition
CHAINS = ("rbm", "dbn", "dbm", "gsn", "cae")
FALLS = 1e-5  # of the largest singular value: below it a direction counts as none


def passes(run: Found) -> int:
    """Passes through the net for an image, of which each waits for the one before."""
    if run.family == "autoregressive":
        return run.saved.pixels
    return run.train.sampling_steps if run.family in CHAINS else 1


def one_pass(project: Project) -> Finding:
    """Passes per image, and seconds of the stage `sample`."""
    gans = project.gans()
    numbers: dict[str, dict[str, Any]] = {}
    for run in project.pictures():
        if run.family == "baseline":
            continue
        seconds = run.costs().get("sample_seconds")
        per_count = seconds and seconds * COUNT / run.settings.sample.count
        numbers[run.name] = {"passes": passes(run), "seconds": per_count}
    own = numbers[gans[0].name]
    slow = {name: each for name, each in numbers.items() if each["passes"] > 1}
    if not slow:
        raise NotRun("needs a trained run that draws in dependent steps")
    rows: list[Row] = [("run", "dependent passes per image", f"seconds per {COUNT:,} images")]
    rows += [(name, f"{e['passes']:,}", short(e["seconds"])) for name, e in numbers.items()]
    timed = {name: each for name, each in slow.items() if each["seconds"]}
    words = f"One pass for an image of {gans[0].name}, up to {max(e['passes'] for e in slow.values()):,} for others"
    longer = not timed
    if timed and own["seconds"]:
        ratios = {name: each["seconds"] / own["seconds"] for name, each in timed.items()}
        least, most = (choose(ratios, key=ratios.__getitem__) for choose in (min, max))
        words += (
            f"; those take {short(ratios[least])} ({least}) to {short(ratios[most])} times ({most}) as long, all that "
            "the stage writes included"
        )
        longer = min(ratios.values()) > 1
    return Finding(verdict(longer, limited=own["passes"] == 1), words + ".", rows, numbers)


def no_chain(project: Project) -> Finding:
    """How long a chain stays in a class, beside samples of a GAN in the order in which they were drawn."""
    gan = project.gans()[0]
    numbers: dict[str, dict[str, Any]] = {}
    series = {gan.name: (gan, gan.samples())}
    for run in project.pictures(*CHAINS):
        view = run.view("one_chain")
        if view is not None:
            series[run.name] = (run, view)
    if len(series) < 2:
        raise NotRun("needs the view one_chain of a run with Markov chains")
    for name, (run, images) in series.items():
        labels = run.data.classes(images)
        lags = [lag for lag in LAGS if lag < len(labels) // 2]
        numbers[name] = {
            "steps": steps_to_independence(labels),
            "followed": len(labels),
            "classes": {str(window): classes_met(labels, window) for window in (SHORT, LONG)},
            "lags": lags,
            "autocorrelation": [round(autocorrelation(labels, lag), 4) for lag in lags],
        }
    rows: list[Row] = [
        (
            "run",
            "steps until the class is independent",
            f"classes in {SHORT} steps",
            f"in {LONG:,}",
        )
    ]
    for name, each in numbers.items():
        steps = short(each["steps"]) if each["steps"] else f"over {each['followed'] // 2:,}"
        rows.append((name, steps, *(f"{met:.1f}" for met in each["classes"].values())))
    own, *others = [each["steps"] for each in numbers.values()]
    slowest = [steps is None or steps > 1 for steps in others]
    words = (
        f"Samples of {gan.name} forget the class in {own or 'no'} step; {sum(slowest)} of {len(others)} chains need more "
        "(autocorrelation of the class below 1/e)."
    )
    return Finding(
        verdict(own == 1 and all(slowest), own == 1 and any(slowest)), words, rows, numbers
    )


def means(project: Project) -> Finding:
    """Parzen's nats and FID of the same model's samples in other views."""
    heading = [f"{measure}: {view}" for measure in ("Parzen", "FID") for view in VIEWS]
    rows: list[Row] = [("run", *(words.replace("_", " ") for words in heading))]
    numbers: dict[str, dict] = {}
    for run in project.pictures():
        if run.family == "baseline" or not run.has("parzen"):
            continue
        parzen = run.file("parzen")
        if not parzen["views"]:
            continue
        metrics = run.file("metrics") if run.has("metrics") else {"fid": None, "views": {}}
        blocks = {parzen["view"]: (parzen, metrics)} | {
            view: (found, metrics["views"].get(view, {})) for view, found in parzen["views"].items()
        }
        each = numbers[run.name] = {
            view: {"parzen": p["log_likelihood"]["mean"], "fid": m.get("fid")}
            for view, (p, m) in blocks.items()
        }
        cells = [short(each.get(view, {}).get(key)) for key in ("parzen", "fid") for view in VIEWS]
        rows.append((run.name, *cells))
    lost = {
        name: views["means"]["parzen"] - views["states"]["parzen"]
        for name, views in numbers.items()
        if "states" in views
    }
    if not lost:
        raise NotRun("needs parzen.json of a run with means and states")
    words = (
        f"States instead of means cost {short(min(lost.values()))} to {short(max(lost.values()))} nats of Parzen's measure in "
        f"{len(lost)} systems; a GAN has no such choice."
    )
    return Finding(verdict(min(lost.values()) > 0, max(lost.values()) > 0), words, rows, numbers)


def any_function(project: Project) -> Finding:
    """Dimensions of z and x, of the surface of images, and what invertible nets pay."""
    rows: list[Row] = [
        ("run", "dim z", "dim x", "dim of the surface", "inversion error", "pixels outside")
    ]
    numbers = {}
    for run in [*project.gans()[:1], *(r for r in project.pictures() if r.family == "flow")]:
        if run.family == "gan":
            saved = run.saved
            outside = float((run.samples().abs() > 1).double().mean())
            each = {
                "dim_z": saved.train.noise.dim,
                "dim_x": saved.pixels,
                "rank": rank(run),
                "inversion_error": None,
                "outside": outside,
            }
        elif run.has("theory"):
            theory, pixels = run.file("theory"), run.saved.pixels
            each = {
                "dim_z": pixels,
                "dim_x": pixels,
                "rank": pixels,
                "inversion_error": theory["inversion_error"],
                "outside": theory["pixels_outside"],
            }
        else:
            continue
        numbers[run.name] = each
        rows.append((run.name, *(short(value) for value in each.values())))
    own, *flows = numbers.items()
    words = (
        f"G of {own[0]} goes from {own[1]['dim_z']} to {own[1]['dim_x']} dimensions and cannot be inverted; its images lie on "
        f"a surface of {own[1]['rank']} dimensions"
    )
    if flows:
        name, flow = flows[0]
        words += (
            f". {name} needs as many dimensions of z as of x, and {flow['outside']:.0%} of the pixels that it draws are "
            "outside of [0, 1]"
        )
    return Finding(verdict(own[1]["dim_z"] < own[1]["dim_x"]), words + ".", rows, numbers)


def rank(run: Found) -> int:
    """Directions in which G's image of a random z moves: singular values of its Jacobian above FALLS times the largest."""
    G = run.saved.generator(run.weights)
    latent = G.latent(1, generator(0, "jacobian"))
    jacobian = torch.autograd.functional.jacobian(
        lambda z_Z: G(z_Z[None], latent.labels).flatten(), latent.z[0]
    )
    values = torch.linalg.svdvals(jacobian.double())
    return int((values > FALLS * values[0]).sum())


def no_copies(project: Project) -> Finding:
    """Share of samples as near to a training image as the nearest 1 % of test images."""
    found = {
        run.name: run.file("metrics")["copy_rate"]
        for run in project.pictures()
        if run.has("metrics")
    }
    own = [run.name for run in project.gans() if run.name in found]
    if not own:
        raise NotRun("needs metrics.json of a GAN")
    rows: list[Row] = [("run", "copies")]
    rows += [(name, short(rate)) for name, rate in sorted(found.items(), key=lambda one: one[1])]
    copied = found[own[0]]
    words = f"{copied:.1%} of the samples of {joined(own[:1])} count as copies, as by definition {RARE:.0%} of test images do."
    return Finding(verdict(copied <= RARE, copied <= 3 * RARE), words, rows, found)


CLAIMS = (
    Claim(
        "one_pass",
        "section 6; tutorial of 2016",
        "A sample takes one pass through G, all pixels at once; nets that know the density by the chain rule take a step "
        "for each pixel.",
        one_pass,
        shows_rows=False,
    ),
    Claim(
        "no_chain",
        "sections 1 and 6, Table 2",
        "No Markov chain is needed, so samples are independent: nothing has to mix.",
        no_chain,
    ),
    Claim(
        "samples_not_means",
        "caption of Figure 2",
        "What is shown of a GAN are samples, where earlier pictures showed conditional means given hidden units.",
        means,
        shows_rows=False,
    ),
    Claim(
        "any_function",
        "section 6, Table 2; tutorial of 2016",
        "Any differentiable function may be G. It need not be invertible, nor have as many inputs as outputs.",
        any_function,
    ),
    Claim(
        "no_copies",
        "section 6",
        "G never sees data, only gradients through D, so parts of the data are not copied into it.",
        no_copies,
        shows_rows=False,
    ),
)
