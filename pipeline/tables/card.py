"""A model card (Mitchell et al. 2019): what a model is, of which data, how good, how far to trust it, how to load it."""

import json
from typing import Any

from pipeline.tables.cells import cell
from pipeline.tables.rows import real_row
from pipeline.tables.text import markdown

NUMBERS = {  # of the scores, as they are in the tables
    "fid": "FID",
    "precision": "precision",
    "recall": "recall",
    "log_likelihood": "log-likelihood under a Parzen window, nats",
    "log_p": "log-likelihood by the model itself, nats",
    "copy_rate": "samples nearer to a training image than 99 % of test images (0.01)",
    "missing_classes": "classes that are hardly ever drawn",
}
FEATURES = {
    "classifier": "a classifier of the dataset itself",
    "components": "principal components of the images",
    "mixture": "the points themselves",
}
LIMITS = """\
- It draws what its training data hold, with their mistakes and gaps, at {size}; nothing else was tested.
- FID, precision and recall are on features of {features}: they compare models of the same data in this project, and
  stand beside no published number. A Parzen window can rate blurred samples above real images.
- The scores are of one seed; other seeds of the same settings differ.
- Whoever uses it also needs the right to use the data: {licence}.\
"""


def card(name: str, about: dict[str, Any], data: dict[str, Any], scores: dict[str, Any]) -> str:
    """Markdown. `about`: the model's metadata; `data`: what is known of its dataset's source; `scores`: of the run."""
    channels, height, width = about["image_shape"]
    points = (height, width) == (1, 1)
    size = f"points of {channels} dimensions" if points else f"{height} x {width} pixels"
    licence, real = data.get("licence", "not stated"), real_row(scores)
    parts = [
        f"# {name}",
        f"A model of the family `{about['model']}`, trained on `{scores['dataset']}` for {about['steps']:,} steps by "
        f"gan-pipeline{started(about)}. Verdict: {verdict(scores)}.",
        "## Data",
        pairs(
            [
                ("source", data.get("source", scores["dataset"])),
                ("licence", licence),
                (
                    "training images of the source, some of which may validate",
                    f"{data['train']:,}" if "train" in data else "-",
                ),
                ("SHA-256 of the images", data.get("images_sha256", "-")),
                ("classes", str(about["classes"] or "none")),
            ]
        ),
        "## Scores",
        markdown(
            [
                ("", "this model", "real data in its place"),
                *(
                    (heading, cell(scores, key), cell(real, key) or "-")
                    for key, heading in NUMBERS.items()
                    if scores.get(key) is not None
                ),
            ]
        ),
        "## Limits",
        LIMITS.format(size=size, features=FEATURES[scores["features"]], licence=licence),
        "## How to load it",
        loading(name, about, scores),
        "## Settings",
        pairs(
            [
                *((key, str(about[key])) for key in ("seed", "torch", "device", "threads")),
                ("precision", about["precision"]),
                ("the same bits", about["train"].get("reproducible", "here")),
                ("digest of the code", about["code"]),
            ]
        ),
        "```json\n" + json.dumps(about["train"], indent=2) + "\n```",
    ]
    return "\n\n".join(part.strip() for part in parts) + "\n"


def started(about: dict[str, Any]) -> str:
    """Of a continued run, whose weights it began with."""
    if "from" not in about:
        return ""
    origin = about["from"]
    return f", starting from the model of `{origin['run']}` after its {origin['steps']:,}"


def verdict(scores: dict[str, Any]) -> str:
    faults = [
        scores[key] for key in ("verdict", "evaluation") if scores.get(key) not in ("-", None)
    ]
    return ", ".join(dict.fromkeys(faults)).replace("_", " ")


def loading(name: str, about: dict[str, Any], scores: dict[str, Any]) -> str:
    """Python that draws from it, as its scores were: of the same weights, after the same rejection."""
    averaged, accepted = about["train"].get("ema"), scores.get("accepted")
    weights = ', weights="raw"' if averaged and scores["weights"] == "raw" else ""
    label = ", label=0" if about["train"].get("conditional") else ""
    rejection = "" if accepted is None else f", rejection={accepted:g}"
    return (
        f'```python\nfrom pipeline import load\n\nmodel = load("results/{name}"{weights})\n'
        f"images = model.sample(16, seed=0{label}{rejection})  # [16, {', '.join(map(str, about['image_shape']))}] in [-1, 1]\n```"
    )


def pairs(rows: list[tuple[str, str]]) -> str:
    """A table without a heading, which Markdown has not: an empty one."""
    return markdown([("", ""), *rows])
