"""`python -m pipeline score`: anybody's arrays, on the command line."""

import json

import numpy as np
import pytest

from pipeline.cli import main


@pytest.fixture
def arrays(tmp_path):
    random = np.random.default_rng(0)
    made = {}
    for name in ("samples", "valid", "test"):
        made[name] = tmp_path / f"{name}.npy"
        np.save(made[name], random.uniform(0, 1, (60, 1, 4, 4)))
    return made


def options(arrays, *more) -> list[str]:
    pairs = [(f"--{name}", str(path)) for name, path in arrays.items()]
    return ["score", *[part for pair in pairs for part in pair], *more]


def test_it_prints_json_alone_and_warns_on_stderr(arrays, capsys):
    assert main(options(arrays)) == 0
    said = capsys.readouterr()
    assert json.loads(said.out)["n_samples"] == 60
    assert "published numbers use 10,000" in said.err


def test_the_range_of_the_pixels_does_not_matter_once_it_is_told(arrays, capsys):
    main(options(arrays))
    expected = json.loads(capsys.readouterr().out)["log_likelihood"]
    for path in arrays.values():
        np.save(path, np.load(path) * 2 - 1)
    main(options(arrays, "--range", "-1", "1"))
    # the arrays went through another rounding: the last of four decimals may differ
    found = json.loads(capsys.readouterr().out)["log_likelihood"]
    assert found == pytest.approx(expected, abs=2e-4)


@pytest.mark.parametrize(
    ("array", "expected"),
    [
        (np.full((5, 1, 4, 4), 200.0), "pixels span 200 to 200, expected 0 to 1"),
        (np.full((5, 1, 4, 4), np.nan), "holds NaN or infinite values"),
        (np.zeros((5, 3)), "has 16 values per image"),
        (np.zeros(5), "with N > 0, of at most 8 bytes each, got float64 [5]"),
        (np.ones((5, 1, 4, 4), complex), "expected real numbers"),
        (np.ones((5, 1, 4, 4), np.longdouble), "of at most 8 bytes each"),
        (np.ones((5, 1, 4, 4), bool), "expected real numbers"),
        (np.full((5, 1, 4, 4), "a"), "expected real numbers"),
        (np.zeros((5, 2, 8)), "bring all to one order of axes"),
        (
            np.linspace(0, 0.01, 80).reshape(5, 1, 4, 4),
            "pixels span only 0 to 0.01 of the range 0 to 1",
        ),
        (np.zeros((0, 16)), "expected real numbers of shape [N, ...] with N > 0"),
        (np.zeros((5, 0)), "expected real numbers of shape [N, ...] with N > 0"),
    ],
)
def test_unusable_samples_are_refused_in_a_few_words(arrays, capsys, tmp_path, array, expected):
    np.save(arrays["samples"], array)
    assert main(options(arrays, "--out", str(tmp_path / "out.json"))) == 1
    assert expected in capsys.readouterr().err
    assert not (tmp_path / "out.json").exists()


def test_a_file_that_is_not_there_is_named(arrays, capsys):
    arrays["test"] = arrays["test"].with_name("nowhere.npy")
    assert main(options(arrays)) == 1
    assert "nowhere.npy is not there" in capsys.readouterr().err


@pytest.mark.parametrize("ends", [("nan", "1"), ("0", "inf"), ("1", "0"), ("0", "1e300")])
def test_a_range_that_means_nothing_is_refused(arrays, capsys, tmp_path, ends):
    out = tmp_path / "out.json"
    assert main(options(arrays, "--out", str(out), "--range", *ends)) == 1
    said = capsys.readouterr().err
    assert "must be finite" in said or "pixels span only" in said
    assert not out.exists()


def test_tests_in_another_range_than_the_samples_are_refused(arrays, capsys):
    np.save(arrays["samples"], np.load(arrays["samples"]) * 255)
    assert main(options(arrays, "--range", "0", "255")) == 1
    assert "all files must be in one range" in capsys.readouterr().err


def test_numbers_of_the_other_byte_order_score_the_same(arrays, capsys):
    main(options(arrays))
    expected = capsys.readouterr().out
    np.save(arrays["samples"], np.load(arrays["samples"]).astype(">f8"))
    assert main(options(arrays)) == 0
    assert capsys.readouterr().out == expected
