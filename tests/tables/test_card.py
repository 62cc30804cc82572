"""A card says what its model is, in bytes that depend on nothing else."""

import re

from pipeline.tables.card import card

ABOUT = {
    "model": "gan",
    "train": {"steps": 600, "conditional": None, "reproducible": "anywhere"},
    "seed": 3,
    "steps": 600,
    "image_shape": [1, 8, 8],
    "classes": 10,
    "torch": "2.14.1",
    "device": "cpu",
    "threads": 1,
    "precision": "float32",
    "code": "0123456789abcdef",
}
DATA = {"licence": "CC BY 4.0 (somebody)", "source": "a package", "train": 1500}
SCORES = {
    "dataset": "digits",
    "verdict": "healthy",
    "evaluation": "missing_classes",
    "features": "classifier",
    "fid": 31.7512,
    "real_fid": 11.8529,
    "precision": 0.774,
    "real_precision": 0.936,
    "recall": 0.7,
    "real_recall": 0.9,
    "log_likelihood": 10.1234,
    "standard_error": 0.8123,
    "real_data": 21.4567,
    "real_data_error": 0.0612,
    "log_p": None,
    "weights": "raw",
    "classes_hit": 8,
    "missing_classes": 2,
}


def test_it_has_data_and_licence_scores_beside_real_data_limits_and_settings():
    text = re.sub(r" +\|", " |", card("digits", ABOUT, DATA, SCORES))
    for line in (
        "| licence | CC BY 4.0 (somebody) |",
        "| training images of the source, some of which may validate | 1,500 |",
        "| FID | 31.8 | 11.9 |",
        "| log-likelihood under a Parzen window, nats | 10.12 | 21.457 |",
        "| classes that are hardly ever drawn | 2 of 10 | - |",
        "| seed | 3 |",
        "| the same bits | anywhere |",
        "8 x 8 pixels",
        "Verdict: healthy, missing classes.",
        '  "steps": 600,',
    ):
        assert line in text, line
    assert "by the model itself" not in text, "a GAN gives no likelihood"


def test_its_code_draws_as_the_samples_were_drawn():
    def code(accepted: float | None = None, **train) -> str:
        text = card("digits", ABOUT | {"train": train}, DATA, SCORES | {"accepted": accepted})
        return text.split("```python\n")[1].split("```")[0]

    assert "model.sample(16, seed=0)" in code()
    assert "model.sample(16, seed=0, label=0)" in code(conditional={"discriminator": True})
    assert "model.sample(16, seed=0, rejection=0.7)" in code(accepted=0.7)
    assert 'load("results/digits")' in code()
    assert 'load("results/digits", weights="raw")' in code(ema={"name": "exponential"})
    compile(code(), "the card", "exec")


def test_points_have_dimensions():
    about = ABOUT | {"image_shape": [2, 1, 1]}
    text = card("line", about, DATA, SCORES | {"features": "mixture"})
    assert "points of 2 dimensions" in text and "the points themselves" in text
