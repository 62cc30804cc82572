"""What scores.json says of a run's theory."""

import pytest

from pipeline.stages.scores import family, latent, scores

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
    **dict.fromkeys(("inception_score", "classes_hit", "class_distance")),
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


def told(theory: dict) -> tuple[float | None, float | None]:
    found = scores("line", 0, MODEL, parzen=PARZEN, verdict=VERDICT, metrics=METRICS, theory=theory)
    return found["jsd"], found["jsd_at_least"]


def test_the_divergence_of_points_is_that_of_the_samples_not_of_raw_g():
    theory = {"final": {"jsd": 0.3}, "sampled": {"weights": "ema", "jsd": 0.00123}, "warnings": []}
    assert told(theory) == (0.00123, None)


def test_a_bound_is_not_called_the_divergence():
    assert told({"jsd_at_least": 0.02, "warnings": []}) == (None, 0.02)


def test_missing_classes_are_counted_where_there_are_classes():
    found = scores(
        "d", 0, MODEL, parzen=PARZEN, verdict=VERDICT, metrics=METRICS, theory={"warnings": []}
    )
    assert (found["missing_classes"], found["features"]) == (None, "mixture")
    compared = {"classes": 10, "extractor": {"kind": "classifier"}}
    metrics = METRICS | {"classes_hit": 8, "compared": compared}
    found = scores(
        "d", 0, MODEL, parzen=PARZEN, verdict=VERDICT, metrics=metrics, theory={"warnings": []}
    )
    assert (found["missing_classes"], found["evaluation"]) == (2, "missing_classes")
    assert found["features"] == "classifier"
