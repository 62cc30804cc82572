"""What scores.json says of a run's theory."""

import re

import numpy as np
import pytest
import torch

from pipeline.evaluation.rounding import decimals, stored
from pipeline.stages.figures import sheet
from pipeline.stages.scores import family, latent, scores
from pipeline.tables.card import card
from pipeline.tables.rows import rows_of
from pipeline.tables.text import render
from tests.tables.test_card import ABOUT, DATA

NATS = {"mean": 1.0, "standard_error": 0.1}
PARZEN = {
    "log_likelihood": NATS,
    "real_data": None,
    "fine": None,
    "sigma": 0.1,
    "n_samples": 10,
    "view": None,
    "views": {},
    "warnings": [],
}
REAL = {
    **dict.fromkeys(("inception_score", "classes_hit", "classes_missing", "class_distance")),
    **dict.fromkeys(("fid", "kid", "precision", "recall", "density", "coverage"), 1.0),
    **dict.fromkeys(("duplicate_rate", "copy_rate"), 0.01),
}
METRICS: dict = {
    **REAL,
    "real_data": REAL,
    "compared": {"classes": None, "extractor": {"kind": "mixture"}},
    "views": {},
    "warnings": [],
}
VERDICT = {"verdict": "healthy", "steps": 1}
MODEL = {"model": "gan", "image_shape": [1, 28, 28], "train": {"noise": {"dim": 32}}}


@pytest.mark.parametrize(
    ("model", "expected"),
    [
        (MODEL, ("gan", 32)),
        (MODEL | {"train": {"noise": {"dim": 20}, "autoencoder": {"name": "vae"}}}, ("vae", 20)),
        (MODEL | {"model": "flow", "train": {}}, ("flow", 784)),
        (MODEL | {"model": "dbn", "train": {}}, ("dbn", None)),
    ],
)
def test_what_a_model_is_and_what_its_images_are_a_function_of(model, expected):
    assert (family(model), latent(model)) == expected


def found_of(parzen: dict = PARZEN, metrics: dict = METRICS) -> dict:
    theory = {"warnings": [], "weights": "raw"}
    return scores("d", 0, MODEL, parzen=parzen, verdict=VERDICT, metrics=metrics, theory=theory)


@pytest.mark.parametrize(
    ("fid", "shown"), [(11.8529, "11.9"), (14.65, "14.7"), (9.9951, "10.0"), (0.0012349, "0.00123")]
)
def test_a_number_is_rounded_once_so_that_table_card_and_sheet_say_the_same(fid: float, shown: str):
    """11.8529 is 11.9, although 11.85, which is a little less in binary, would be 11.8."""
    nats = {"mean": 243.64999, "standard_error": 0.996}
    measured = METRICS | {"fid": fid, "real_data": REAL | {"fid": fid}, "precision": 0.83449}
    parzen = PARZEN | {"log_likelihood": nats, "real_data": nats}
    found = found_of(parzen=parzen, metrics=measured)
    table = render(rows_of("d", {"r": found}, "digits", []))
    title = sheet(torch.zeros(1, 1, 2, 2), torch.zeros(1, 1, 2, 2), measured, "r")._suptitle  # type: ignore[attr-defined]
    for text in (table, card("r", ABOUT, DATA, found)):
        lines = [re.split(r" *\| *", line)[1:-1] for line in text.splitlines() if "|" in line]
        cells = {cell for line in lines for cell in line}
        assert {shown, "0.834", "243.6"} <= cells, cells
    assert f"FID {shown} (real data {shown}), precision 0.834" in title.get_text()


def test_digits_are_those_of_the_error_as_it_is_shown():
    errors = np.geomspace(1e-6, 1e3, 2_000)
    for error in errors:
        digits = decimals(error)
        assert decimals(float(f"{error:.{digits}f}")) == digits, error
    assert [decimals(x) for x in (0.0996, 0.996, 2.1, 19.4, 0)] == [2, 1, 1, 1, 4]
    assert stored({"a": [0.123456789, None, 3], "b": "x"}) == {"a": [0.123457, None, 3], "b": "x"}


def told(theory: dict) -> tuple[float | None, float | None]:
    found = scores("line", 0, MODEL, parzen=PARZEN, verdict=VERDICT, metrics=METRICS, theory=theory)
    return found["jsd"], found["jsd_at_least"]


def test_the_divergence_of_points_is_that_of_the_samples_not_of_raw_g():
    theory = {
        "final": {"jsd": 0.3},
        "sampled": {"weights": "ema", "jsd": 0.00123},
        "warnings": [],
        "weights": "raw",
    }
    assert told(theory) == (0.00123, None)


def test_a_bound_is_not_called_the_divergence():
    assert told({"jsd_at_least": 0.02, "warnings": [], "weights": "raw"}) == (None, 0.02)


def test_missing_classes_are_counted_where_there_are_classes():
    found = found_of()
    assert (found["missing_classes"], found["features"]) == (None, "mixture")
    compared = {"classes": 10, "extractor": {"kind": "classifier"}}
    metrics = METRICS | {"classes_hit": 8, "classes_missing": 2, "compared": compared}
    found = found_of(metrics=metrics)
    assert (found["missing_classes"], found["evaluation"]) == (2, "missing_classes")
    assert found["features"] == "classifier"
