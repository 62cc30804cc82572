"""scores R: the numbers of a run that people compare, flat, for tables and `dvc metrics`; and its model's card, which has
them beside what the model was made of."""

import math
from dataclasses import dataclass
from pathlib import Path

from pipeline.errors import DataError
from pipeline.evaluation.rounding import stored
from pipeline.io.files import existing, read_json, write_bytes, write_json
from pipeline.io.header import about
from pipeline.tables.card import card

NAMES = ("parzen", "verdict", "metrics", "theory")
METRICS = (  # numbers of metrics.json
    "fid",
    "kid",
    "inception_score",
    "precision",
    "recall",
    "density",
    "coverage",
    "classes_hit",
    "class_distance",
    "duplicate_rate",
    "copy_rate",
)
OF_REAL_DATA = ("fid", "precision", "recall")  # and of views

# Limits beyond which the evaluation reports a fault of the samples, relative to real images.
FAR = 20  # times the real images' FID ...
UNCOVERED = (
    0.8  # ... and less than this share of their coverage: the FID of real points is nearly 0
)
# times the share of real images, which is 0.01 by construction, more where they are few or alike (evaluation.md)
COPIED = 5


@dataclass(frozen=True, kw_only=True)
class Paths:
    """Files to read and, the last two, to write."""

    folder: Path  # results/R, with the four result files
    model: Path
    provenance: Path  # data/raw/D.json
    scores: Path
    card: Path


def run(name: str, dataset: str, seed: int, paths: Paths) -> None:
    """Write the scores of run `name`, and the card of its model."""
    read = {each: read_json(paths.folder / f"{each}.json") for each in NAMES}
    of_model = about(existing(paths.model))
    if not of_model:
        raise DataError(
            f"{paths.model} has no metadata; another program wrote it. Make it again with: dvc repro"
        )
    found = scores(dataset, seed, of_model, **read)
    write_bytes(paths.card, card(name, of_model, read_json(paths.provenance), found).encode())
    write_json(paths.scores, found)


def scores(
    dataset: str,
    seed: int,
    model: dict,
    *,
    parzen: dict,
    verdict: dict,
    metrics: dict,
    theory: dict,
) -> dict:
    """One level deep but for `views`, other ways to look at the same model's samples; numbers as the files of the run have
    them, to be rounded once, where they are shown. Log-likelihoods in nats, with their standard error over test images
    (TFD: over folds).

    real_*: the same number of real images. jsd: the divergence of what is sampled from p_data, where that
    is known; nats, 0 to log 2. jsd_at_least: elsewhere, a lower bound given by the run's own D. It does not
    rank runs: a better D gives a higher bound on the same divergence. log_p: of test images where the model
    gives one, in nats, with its kind and the data it is of; null for a GAN. features: what fid and all after it
    are computed on (classifier, components, mixture). dimensions: numbers of an image; latent: of the z that it is a
    function of, null for a model without one. `model`: the metadata of the model file.
    """
    real, fine = parzen["real_data"], parzen["fine"]
    return {
        "dataset": dataset,
        "family": family(model),
        "seed": seed,
        "verdict": verdict["verdict"],
        "evaluation": ", ".join(faults(metrics)) or "-",
        "steps": verdict["steps"],
        **likelihood(parzen["log_likelihood"], "log_likelihood", "standard_error"),
        "sigma": parzen["sigma"],
        **likelihood(real, "real_data", "real_data_error"),
        "n_samples": parzen["n_samples"],
        "weights": theory["weights"],
        **likelihood(fine, "fine", "fine_error"),
        **{key: metrics[key] for key in METRICS},
        "missing_classes": metrics["classes_missing"],
        # of a GAN whose D lets only this share of the samples through
        **({"accepted": theory["accepted"]} if "accepted" in theory else {}),
        # else a GAN's theory.json has none: G draws an image in one pass
        "passes_per_image": theory.get("passes_per_image", 1),
        "dimensions": math.prod(model["image_shape"]),
        "latent": latent(model),
        "features": metrics["compared"]["extractor"]["kind"],
        **{f"real_{key}": metrics["real_data"][key] for key in OF_REAL_DATA},
        "jsd": stored(theory["sampled"]["jsd"]) if "sampled" in theory else None,
        "jsd_at_least": stored(theory.get("jsd_at_least")),
        **known_likelihood(theory),
        "view": parzen["view"],  # what the samples are, where they can be looked at in several ways
        "views": {
            view: {
                **likelihood(
                    parzen["views"][view]["log_likelihood"], "log_likelihood", "standard_error"
                ),
                **{key: measured[key] for key in OF_REAL_DATA},
            }
            for view, measured in metrics["views"].items()
        },
        "warnings": sum(len(part["warnings"]) for part in (parzen, metrics, theory)),
    }


def family(model: dict) -> str:
    """`model` of the run; of a hybrid the name of its autoencoder, since G does not learn as a GAN's does."""
    autoencoder = model["train"].get("autoencoder")
    return autoencoder["name"] if autoencoder else model["model"]


def latent(model: dict) -> int | None:
    """Numbers of z; of a flow as many as an image has."""
    if model["model"] == "flow":
        return math.prod(model["image_shape"])
    return model["train"]["noise"]["dim"] if model["model"] == "gan" else None


def known_likelihood(theory: dict) -> dict[str, float | str | None]:
    """log_p: the model's own log-likelihood of the test images, which is not Parzen's estimate."""
    if "likelihood" not in theory:
        return dict.fromkeys(("log_p", "log_p_error", "log_p_kind", "log_p_data", "bits_per_pixel"))
    return {
        **likelihood(theory["test"], "log_p", "log_p_error"),
        "log_p_kind": theory["likelihood"]["kind"],
        "log_p_data": theory["likelihood"]["data"],
        "bits_per_pixel": theory["bits_per_pixel"],
    }


def faults(metrics: dict) -> list[str]:
    """Names of the faults of the samples that metrics.json shows, whatever the training's verdict."""
    real = metrics["real_data"]
    found = {
        "missing_classes": bool(metrics["classes_missing"]),
        "far_from_real": metrics["fid"] > FAR * real["fid"]
        and metrics["coverage"] < UNCOVERED * real["coverage"],
        "copies": metrics["copy_rate"] > COPIED * real["copy_rate"],
        "duplicates": metrics["duplicate_rate"] > COPIED * real["duplicate_rate"],
    }
    return [name for name, at_fault in found.items() if at_fault]


def likelihood(line: dict | None, mean: str, error: str) -> dict[str, float | None]:
    """The mean and its standard error under the names `mean` and `error`."""
    if line is None:
        return {mean: None, error: None}
    return {mean: line["mean"], error: line["standard_error"]}
