"""metrics R: distances, diversity, copies and theory, beside the same numbers of real images."""

import sys
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from pipeline import models
from pipeline.compute import devices
from pipeline.config.sample import Sample
from pipeline.errors import DataError
from pipeline.evaluation import extractors, families, metrics, neighbours
from pipeline.evaluation.real_data import DIVERGED, chosen_rows, some, to_unit
from pipeline.evaluation.rounding import stored
from pipeline.evaluation.theory.quadrature import Mixture
from pipeline.io.arrays import read_shards
from pipeline.io.files import write_json
from pipeline.io.tensors import read_about, read_tensors
from pipeline.io.views import read_views

SEED = 0  # of KID's subsets and the parts of the Inception-style score: the same for every run
MOST = 10_000  # images of either side, at most
DUPLICATE_IMAGES = 5_000  # of either side, compared with each other
# What is kept of a view, another way to look at the same model's samples.
OF_VIEWS = ("fid", "kid", "precision", "recall", "density", "coverage", "classes_hit", "copy_rate")
COPY_IMAGES = 2_000  # of either side, each compared with every training image


@dataclass(frozen=True, kw_only=True)
class Paths:
    """Files to read and, the last two, to write."""

    samples: Path
    views: Path  # a folder
    model: Path
    data: Path  # data/normalized/D.safetensors
    features: Path  # data/features/D.safetensors
    metrics: Path
    theory: Path


def run(name: str, dataset: str, threads: int, sample: Sample, paths: Paths) -> None:
    """Write metrics.json and theory.json; `sample`: what was drawn, with which weights, which theory.json names."""
    devices.reproducible(threads)
    parts = read_tensors(paths.data, ["train_images", "train_labels", "test_images", "test_labels"])
    samples = read_samples(paths.samples, tuple(parts["test_images"].shape[1:]))
    about, tensors = read_extractor(paths.features, dataset, parts["test_images"])
    result = evaluate(samples, parts, about, tensors)
    result["views"] = {
        view: {key: measured[key] for key in OF_VIEWS}
        for view, path in read_views(paths.views).paths.items()
        for measured in [
            evaluate(read_samples(path, tuple(samples.shape[1:])), parts, about, tensors)
        ]
    }
    for warning in result["warnings"]:
        print(f"metrics {name}: warning: {warning}", file=sys.stderr)
    write_json(paths.metrics, result)
    model = read_about(paths.model)
    saved = models.saved(model, read_tensors(paths.model), str(paths.model))
    wait = saved.wait_for_likelihood(sample.weights)
    if wait is not None and wait.is_long:
        print(f"metrics {name}: {wait}", file=sys.stderr)
    known = about["kind"] == "mixture"
    mixture = Mixture(tensors["means"], tensors["std"].item()) if known else None
    of_theory = families.of(model["model"]).theory(saved, sample, parts, samples, mixture)
    for warning in of_theory["warnings"]:
        print(f"metrics {name}: warning: {warning}", file=sys.stderr)
    write_json(paths.theory, of_theory | {"weights": sample.weights})


def on_validation(dataset: str, threads: int, paths: Paths) -> dict:
    """What `run` would write as metrics.json, compared with validation images in the place of test images.

    For choosing between settings: whoever chooses by test images reports a number that is too good.
    """
    devices.reproducible(threads)
    wanted = ["train_images", "valid_images", "valid_labels", "test_images"]
    parts = read_tensors(paths.data, wanted)
    about, tensors = read_extractor(paths.features, dataset, parts["test_images"])
    held_out = {"test_images": parts["valid_images"], "test_labels": parts["valid_labels"]}
    samples = read_samples(paths.samples, tuple(parts["test_images"].shape[1:]))
    result = evaluate(samples, parts | held_out, about, tensors)
    result["compared"]["split"] = "validation"
    return result


def read_samples(path: Path, image_shape: tuple) -> Tensor:
    """The first `MOST` samples; DataError unless they are finite, none is huge, and of the dataset's shape."""
    array = read_shards(path)
    if array.shape[1:] != image_shape:
        raise DataError(
            f"{path}: samples of shape {list(array.shape[1:])}, but the images they are compared "
            f"with are {list(image_shape)}. Sample again with: dvc repro"
        )
    samples = torch.from_numpy(array[:MOST])
    lost = ~(samples.flatten(1).abs() < DIVERGED).all(dim=1)
    if lost.any():
        raise DataError(
            f"{path}: {int(lost.sum()):,} of {len(samples):,} samples hold NaN, infinite or huge values, so there is "
            "nothing to measure. The training has diverged: see verdict.json, lower its learning rates."
        )
    return samples


def read_extractor(path: Path, dataset: str, test_NCHW: Tensor) -> tuple[dict, dict[str, Tensor]]:
    """DataError when the extractor was made for other data than those at hand."""
    about, tensors = read_about(path), read_tensors(path)
    if about.get("data") != extractors.digest(test_NCHW):
        raise DataError(
            f"{path} belongs to other data (dataset {about.get('dataset')}, images of shape "
            f"{about.get('image_shape')}) than data/normalized/{dataset}.safetensors "
            f"({list(test_NCHW.shape[1:])}). Make it again with: dvc repro features@{dataset}"
        )
    return about, tensors


def evaluate(
    samples_NCHW: Tensor, parts: dict[str, Tensor], about: dict, tensors: dict[str, Tensor]
) -> dict:
    """The content of metrics.json. Both rows are compared with the same test images."""
    train, test = parts["train_images"], some(parts["test_images"], MOST)
    fake = samples_NCHW[: min(MOST, len(train))]
    enough(len(fake), len(test))
    real = train[chosen_rows(len(train), len(fake))]
    seen = {
        key: metrics.Seen(*extractors.extract(about["kind"], tensors, images))
        for key, images in (("fake", fake), ("real", real), ("test", test))
    }
    near = metrics.neighbour_points(len(fake), len(test))
    copied, held_out = copies(fake, real, test, train)
    generated = {**row(seen["fake"], seen["test"]), **copied}
    real_row = {**row(seen["real"], seen["test"]), **held_out}
    return {
        **stored(generated),
        "real_data": stored(real_row),
        "compared": {
            "n_fake": len(fake),
            "n_real": len(test),
            "n_neighbours": near,
            "neighbours": metrics.NEIGHBOURS,
            "split": "test",
            "test_images": which(len(test), len(parts["test_images"])),
            "neighbour_images": which(near, len(test)),
            "copy_images": which(COPY_IMAGES, len(test)),
            "real_data": f"{len(real):,} training images in the place of samples",
            "classes": about["classes"],
            "extractor": {
                "kind": about["kind"],
                "digest": extractors.digest(*(tensors[key] for key in sorted(tensors))),
                "test_accuracy": about["test_accuracy"],
            },
            "seed": SEED,
        },
        "warnings": list(doubts(generated, fake, about, parts["test_labels"])),
    }


def which(count: int, of: int) -> str:
    """Of the test images; see real_data.some."""
    return "all" if count >= of else f"{count:,} of {of:,}, chosen at random with seed 0"


def enough(n_fake: int, n_real: int) -> None:
    """DataError if either side has too few images for nearest neighbours."""
    needed = metrics.NEIGHBOURS + 1
    for count, what, remedy in (
        (n_fake, "samples", "raise sample.count in params.yaml"),
        (n_real, "test images", "choose a dataset with more of them"),
    ):
        if count < needed:
            raise DataError(
                f"{count} {what} cannot be compared by their {metrics.NEIGHBOURS} nearest "
                f"neighbours: at least {needed} are needed; {remedy}"
            )


def row(fake: metrics.Seen, test: metrics.Seen) -> dict:
    """All measures of `fake` against the test images."""
    return {
        **metrics.distances(fake, test, SEED),
        "inception_score": metrics.inception_score(fake, SEED),
        **metrics.manifolds(fake, test),
        **metrics.classes(fake, test),
    }


def copies(fake: Tensor, real: Tensor, test: Tensor, train: Tensor) -> tuple[dict, dict]:
    """Four numbers for generated and, second, for real images; Euclidean distances of pixels in [0, 1].

    duplicate_rate: share of samples as near to another as the nearest 1 % of training images are. copy_rate:
    share as near to a training image as the nearest 1 % of test images are. Both are 0.01 for real images.
    """
    apart = [
        neighbours.nearest(x, x, without_itself=True)
        for x in (to_unit(images[:DUPLICATE_IMAGES]) for images in (fake, real))
    ]
    known = to_unit(train)
    from_training = [
        neighbours.nearest(to_unit(x), known) for x in (fake[:COPY_IMAGES], some(test, COPY_IMAGES))
    ]
    generated, held_out = (
        {
            "duplicate_rate": neighbours.share_below_the_rarest(own, apart[1]),
            "nearest_sample": own.median().item(),
            "copy_rate": neighbours.share_below_the_rarest(to_training, from_training[1]),
            "nearest_training_image": to_training.median().item(),
        }
        for own, to_training in zip(apart, from_training, strict=True)
    )
    return generated, held_out


def doubts(generated: dict, fake_NCHW: Tensor, about: dict, test_labels: Tensor):
    """Reasons not to take the numbers at face value."""
    if (fake_NCHW == fake_NCHW[0]).all():
        yield "all samples are the same: the generator has collapsed to one point"
    if len(fake_NCHW) < 2_000:
        yield f"{len(fake_NCHW):,} samples; FID needs thousands, compare it with the real-data row only"
    classes = about["classes"]
    if classes is not None:
        missing = set(range(classes)) - set(test_labels.unique().tolist())
        if missing:
            yield f"no test image is of class {', '.join(map(str, sorted(missing)))}"
        if gone := generated["classes_missing"]:
            hit = generated["classes_hit"]
            yield f"only {hit} of {hit + gone} classes are generated"
    accuracy = about["test_accuracy"]
    if accuracy is not None and accuracy < 0.8:
        yield f"the extractor is right for {accuracy:.0%} of the test images only"
