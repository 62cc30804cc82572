"""features D: fit the feature extractor by which the metrics of every run on D compare images."""

import sys
from pathlib import Path

import torch
from torch import Tensor

from pipeline.compute import devices
from pipeline.compute.streams import generator
from pipeline.config.datasets import MixturePoints, Source
from pipeline.errors import DataError
from pipeline.evaluation import extractors
from pipeline.io.files import write_json
from pipeline.io.tensors import read_tensors, write_model

SEED = 0  # the same for every run: their numbers must be comparable
THREADS = 2  # fixed, so that the same data give the same bytes on every machine of a kind


def run(name: str, source: Source, data: Path, model: Path, summary: Path) -> None:
    """Fit the extractor of dataset `name`; write its tensors to `model`, its description to `summary`."""
    devices.reproducible(THREADS)
    parts = read_tensors(data)
    kind, tensors, classes, warnings = fit(source, parts, name)
    _, logits = extractors.extract(kind, tensors, parts["test_images"])
    about = {
        "dataset": name,
        "kind": kind,
        "classes": classes,
        "image_shape": list(parts["test_images"].shape[1:]),
        "test_accuracy": test_accuracy(logits, parts["test_labels"]),
        "seed": SEED,
        "data": extractors.digest(parts["test_images"]),
        "warnings": warnings,
    }
    for warning in warnings:
        print(f"features {name}: warning: {warning}", file=sys.stderr)
    write_model(model, tensors, about)
    write_json(
        summary,
        {**about, "extractor": extractors.digest(*(tensors[key] for key in sorted(tensors)))},
    )


def fit(
    source: Source, parts: dict[str, Tensor], name: str
) -> tuple[str, dict[str, Tensor], int | None, list[str]]:
    """Kind of extractor, its tensors, number of classes (None without labels), and warnings."""
    if isinstance(source, MixturePoints):
        known = {"means": torch.tensor(source.means), "std": torch.tensor(source.std)}
        return "mixture", known, len(source.means), []
    labelled = parts["train_labels"] >= 0
    labels = parts["train_labels"][labelled]
    if len(labels.unique()) < 2:
        doubt = (
            "no labels to learn from: the features are principal components, and there is no "
            "Inception score and no count of classes"
        )
        return "components", extractors.fit_components(parts["train_images"]), None, [doubt]
    classes = known_classes(parts, name)
    images = parts["train_images"][labelled]
    tensors = extractors.train_classifier(images, labels, classes, generator(SEED, "features"))
    return "classifier", tensors, classes, list(missing_classes(parts, classes))


def known_classes(parts: dict[str, Tensor], name: str) -> int:
    """Number of classes; DataError if validation or test images have a class that no training image has."""
    trained = set(parts["train_labels"].unique().tolist()) - {-1}
    for part in ("valid", "test"):
        unseen = set(parts[f"{part}_labels"].unique().tolist()) - {-1} - trained
        if unseen:
            raise DataError(
                f"data/normalized/{name}.safetensors: the {part} images have classes "
                f"{sorted(unseen)}, but no training image has. Choose another "
                f"datasets.{name}.normalize.validation_images, or mend the dataset's split."
            )
    return max(trained) + 1


def missing_classes(parts: dict[str, Tensor], classes: int):
    """A warning for each part of the data that lacks a class."""
    for part in ("train", "valid", "test"):
        missing = set(range(classes)) - set(parts[f"{part}_labels"].unique().tolist())
        if missing:
            yield (
                f"no {part} image is of class {', '.join(map(str, sorted(missing)))}: "
                "what is said of these classes is not measured"
            )


def test_accuracy(logits_NK: Tensor | None, labels_N: Tensor) -> float | None:
    """Share of labelled test images classified correctly; None without classifier or labels."""
    labelled = labels_N >= 0
    if logits_NK is None or not labelled.any():
        return None
    return round(extractors.accuracy(logits_NK[labelled], labels_N[labelled]), 4)
