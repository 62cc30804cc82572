import csv

import pytest

from pipeline.config.datasets import Dataset
from pipeline.config.params import load
from pipeline.errors import DataError
from pipeline.evaluation.rounding import significant
from pipeline.io.files import read_json, write_json
from pipeline.report.settings import seed_groups
from pipeline.stages import scores, table
from pipeline.tables.cells import cell
from pipeline.tables.rows import name_of, rows_of
from pipeline.tables.text import csv_text, render
from tests.conftest import ROOT

RUN = {
    "dataset": "mnist",
    "seed": 0,
    "verdict": "healthy",
    "evaluation": "-",
    "steps": 1000,
    "log_likelihood": 220.0,
    "standard_error": 2.0,
    "sigma": 0.1668,
    "real_data": 243.6,
    "real_data_error": 2.1,
    "fid": 4.5,
    "precision": 0.9,
    "recall": 0.8,
    "classes_hit": 10,
    "missing_classes": 0,
    "features": "classifier",
    "weights": "raw",
    "copy_rate": 0.0104,
    "family": "gan",
    "passes_per_image": 1,
    "dimensions": 784,
    "latent": 32,
    "jsd": 0.1,
    "jsd_at_least": None,
    "real_fid": 0.1,
    "real_precision": 0.95,
    "real_recall": 0.96,
}


def rendered(runs: dict, sources: dict, groups: list | None = None) -> str:
    rows = [
        row
        for dataset, source in sources.items()
        for row in rows_of(dataset, runs, source, groups or [])
    ]
    return render(rows)


def first_cells(text: str) -> list[str]:
    return [line.split("|")[1].strip() for line in text.splitlines() if line.startswith("| ")]


def cells(text: str, model: str) -> dict[str, str]:
    """Heading -> cell of the first row whose model is `model`."""
    rows = [
        [cell.strip() for cell in line.split("|")][1:-1]
        for line in text.splitlines()
        if line.startswith("| ")
    ]
    return dict(zip(rows[0], next(row for row in rows if row[0] == model), strict=True))


def test_runs_stand_with_real_data_best_fid_first_and_published_rows_below():
    runs = {"blurred": RUN | {"log_likelihood": 250.0, "fid": 66.5}, "sharp": RUN}
    assert first_cells(rendered(runs, {"mnist": "mnist"})) == [
        "model",
        "real data",
        "**sharp**",
        "**blurred**",
        "Adversarial nets (published, 2014)",
        "Deep GSN (published, 2014)",
        "DBN (published, 2014)",
        "Stacked CAE (published, 2014)",
    ]


def test_the_columns_begin_with_fid_and_the_verdict_follows_the_numbers():
    headings = list(cells(rendered({"mine": RUN | {"jsd": None}}, {"mnist": "x"}), "**mine**"))
    assert headings == [
        "model",
        "FID (classifier)",
        "precision",
        "recall",
        "nats",
        "standard error",
        "missing classes",
        "verdict",
        "copies",
        "passes",
        "dim z",
        "steps",
    ]


@pytest.mark.parametrize(
    ("family", "source", "published"),
    [
        ("dbn", "mnist", "138 ± 2"),
        ("gsn", "mnist", "214 ± 1.1"),
        ("gan", "tfd", "2057 ± 26"),
        ("vae", "mnist", None),  # a hybrid is no row of Table 1
        ("rbm", "mnist", None),
        ("dbn", "digits", None),
    ],
)
def test_the_published_number_of_the_same_system_stands_beside(family, source, published):
    text = rendered({"mine": RUN | {"family": family}}, {"mnist": source})
    assert (cells(text, "**mine**").get("published") or None) == published


def test_nothing_published_stands_beside_images_of_another_range():
    mnist = {"source": {"name": "mnist"}, "normalize": {"validation_images": 10_000}}
    assert Dataset.model_validate(mnist).published_as == "mnist"
    mnist["normalize"] = {"validation_images": 10_000, "gcn": 55.0}
    published_as = Dataset.model_validate(mnist).published_as
    assert "published" not in rendered({"mine": RUN}, {"mnist": published_as})


def test_what_an_image_is_drawn_from_and_in_how_many_passes():
    chain = RUN | {"family": "rbm", "passes_per_image": 1000, "latent": None}
    text = rendered({"net": RUN, "chain": chain}, {"mnist": "digits"})
    assert [cells(text, "**net**")[key] for key in ("passes", "dim z", "copies")] == [
        "1",
        "32 of 784",
        "0.01",
    ]
    assert [cells(text, "**chain**")[key] for key in ("passes", "dim z")] == ["1,000", ""]


def test_a_mean_over_seeds_has_the_likelihood_and_the_views(tmp_path):
    known = RUN | {"log_p_kind": "exact", "log_p_data": "binarised", "log_p_error": 0.2}
    for name, x in (("a", -90.0), ("a_seed1", -91.0), ("a_seed2", -92.0)):
        states = {"fid": -x, "precision": 0.5, "recall": 0.4, "log_likelihood": 10.0 + x}
        more = {"log_p": x, "bits_per_pixel": 0.16, "view": "means", "views": {"states": states}}
        write_json(tmp_path / f"scores/{name}.json", known | more)
    out, names = (tmp_path / "table.md", tmp_path / "summary.json"), ["a", "a_seed1", "a_seed2"]
    table.run(names, {}, {"mnist": "digits"}, [names], tmp_path / "scores", *out)
    above, below = out[0].read_text().split("### ")
    mean = cells(below, "**a (means), mean over 3 seeds**")
    assert (mean["log p"], mean["standard error"], mean["kind"]) == ("-91.0 (std 1.0)", "", "exact")
    assert first_cells(below)[1:] == [
        "a",
        *(f"a_seed{n}" for n in (1,)),
        "**a (means), mean over 3 seeds**",
        "a_seed2",
    ]
    assert cells(above, "a (states), mean over 3 seeds")["nats"] == "-81.0 (std 1.0)"


def test_published_rows_stand_beside_their_own_dataset_only():
    text = rendered({"mine": RUN | {"dataset": "other"}}, {"other": "digits"})
    assert first_cells(text) == ["model", "real data", "**mine**"]


@pytest.mark.parametrize(
    ("features", "heading"),
    [
        ("classifier", "FID (classifier)"),
        ("components", "FID (PCA)"),
        ("mixture", "FID (coordinates)"),
    ],
)
def test_fid_is_named_for_the_features_it_is_computed_on(features: str, heading: str):
    text = rendered({"mine": RUN | {"features": features}}, {"mnist": "digits"})
    assert cells(text, "**mine**")[heading] == "4.50"


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (66.53, "66.5"),
        (5.7, "5.70"),
        (144.4, "144"),
        (1234.5, "1,234"),
        (0.1, "0.100"),
        (0.00123, "0.00123"),
        (1.17e-05, "1.17e-05"),
        (0.0, "0.00"),
    ],
)
def test_a_number_of_unknown_error_has_three_significant_digits(value: float, text: str):
    assert significant(value) == text


def test_a_density_has_the_digits_of_its_error():
    density = {"log_likelihood": 0.81, "standard_error": 0.0061}
    shown = cells(rendered({"mine": RUN | density}, {"mnist": "mnist"}), "**mine**")
    assert (shown["nats"], shown["standard error"]) == ("0.8100", "0.0061")
    published = cells(rendered({"mine": RUN}, {"mnist": "mnist"}), "Stacked CAE (published, 2014)")
    assert (published["nats"], published["standard error"]) == ("121", "1.6")


def test_the_numbers_of_a_removed_run_are_dropped(tmp_path):
    scores = tmp_path / "scores"
    for name in ("kept", "removed"):
        write_json(scores / f"{name}.json", RUN)
    out = tmp_path / "table.md", tmp_path / "summary.json"
    table.run(["kept"], {}, {"mnist": "mnist"}, [["kept"]], scores, *out)
    assert "removed" not in out[0].read_text()
    assert list(read_json(out[1])) == ["kept"]
    assert not (scores / "removed.json").exists()


@pytest.mark.parametrize(
    "odd", [[], None, {"fid": 1.0}, RUN | {"fid": "4"}, RUN | {"real_fid": [1]}]
)
def test_scores_that_this_version_does_not_write_are_one_line(tmp_path, odd):
    write_json(tmp_path / "scores/mine.json", odd)
    out = tmp_path / "table.md", tmp_path / "summary.json"
    with pytest.raises(DataError, match=r"mine\.json holds other numbers than this version writes"):
        table.run(["mine"], {}, {"mnist": "mnist"}, [["mine"]], tmp_path / "scores", *out)
    assert not out[0].exists()


def test_the_csv_has_the_numbers_of_the_markdown(tmp_path):
    write_json(tmp_path / "scores/mine.json", RUN)
    out = tmp_path / "table.md", tmp_path / "summary.json"
    table.run(["mine"], {}, {"mnist": "mnist"}, [["mine"]], tmp_path / "scores", *out)
    rows = list(csv.DictReader((tmp_path / "table.csv").read_text().splitlines()))
    assert [row["model"] for row in rows][:3] == ["real data", "mine", "Adversarial nets"]
    assert [row["published"] for row in rows][:3] == ["False", "False", "True"]
    assert (rows[1]["log_likelihood"], rows[1]["fid"]) == ("220.0", "4.5")
    assert rows[0]["fid"] == "0.1"


def test_the_mean_over_seeds_stands_below_its_members_and_is_marked():
    runs = {
        name: RUN | {"log_likelihood": x, "fid": x / 10, "jsd": None}
        for name, x in (("a", 220.0), ("b", 210.0), ("c", 215.0))
    }
    text = rendered(runs, {"mnist": "mnist"}, [["a", "b"], ["c"]])
    mean = "**a, b, mean over 2 seeds**"
    order = first_cells(text)
    assert order[2:6] in (["b", "a", mean, "**c**"], ["**c**", "b", "a", mean])
    shown = cells(text, mean)
    assert shown["FID (classifier)"] == "21.50 (std 0.71)"
    assert (shown["nats"], shown["standard error"]) == ("215.0 (std 7.1)", "")
    assert shown["precision"] == "0.9 (std 0)"
    assert (shown["missing classes"], shown["verdict"]) == ("0 of 10", "2 of 2 healthy")
    assert cells(text, "b")["FID (classifier)"] == "21.0"


def test_a_group_of_seeds_is_sorted_by_its_mean():
    fids = {"a": 1.0, "a_seed1": 9.0, "b": 4.0, "c": 6.0}
    runs = {name: RUN | {"fid": fid} for name, fid in fids.items()}
    order = first_cells(rendered(runs, {"mnist": "digits"}, [["a", "a_seed1"], ["b"], ["c"]]))
    assert order[2:] == ["**b**", "a", "a_seed1", "**a, mean over 2 seeds**", "**c**"]


def test_a_mean_over_seeds_names_the_worst_of_them():
    runs = {
        "a": RUN,
        "a_seed1": RUN | {"missing_classes": 3, "classes_hit": 7, "evaluation": "missing_classes"},
    }
    text = rendered(runs, {"mnist": "digits"}, [["a", "a_seed1"]])
    shown = cells(text, "**a, mean over 2 seeds**")
    assert (shown["missing classes"], shown["verdict"]) == (
        "3 of 10, worst seed",
        "1 of 2 healthy",
    )


def test_standard_error_and_deviation_over_seeds_never_share_a_column(tmp_path):
    for seed, nats in enumerate((210.0, 220.0)):
        write_json(
            tmp_path / f"scores/run{seed}.json", RUN | {"seed": seed, "log_likelihood": nats}
        )
    out = tmp_path / "table.md", tmp_path / "summary.json"
    names = ["run0", "run1"]
    table.run(names, {}, {"mnist": "mnist"}, [names], tmp_path / "scores", *out)
    rows = {
        row["model"]: row
        for row in csv.DictReader((tmp_path / "table.csv").read_text().splitlines())
    }
    mean = rows["run0, run1, mean over 2 seeds"]
    assert mean["seeds"] == "2"
    assert (mean["standard_error"], mean["log_likelihood_std"]) == ("", "7.07107")
    assert (rows["run0"]["standard_error"], rows["run0"]["log_likelihood_std"]) == ("2.0", "")
    assert (rows["DBN"]["standard_error"], rows["DBN"]["log_likelihood_std"]) == ("2.0", "")


@pytest.mark.parametrize(
    ("mean", "error", "text"),
    [
        (243.5571, 2.1345, ("243.6", "2.1")),
        (0.8123, 0.0061, ("0.8123", "0.0061")),
        (-1908.77, 66.1, ("-1908.8", "66.1")),
        (3.0, 0.0, ("3.0000", "0.0000")),
        (240.449, 0.996, ("240.4", "1.0")),
    ],
)
def test_a_likelihood_has_as_many_digits_as_are_known(mean, error, text):
    row = {"log_likelihood": mean, "standard_error": error, "log_p": mean, "log_p_error": error}
    assert (cell(row, "log_likelihood"), cell(row, "standard_error")) == text
    of_model = cell(row, "log_p").replace(",", ""), cell(row, "log_p_error")
    assert of_model == text


def test_the_mean_over_seeds_takes_in_runs_that_are_otherwise_the_same():
    params = load(ROOT / "recipes/quick.yaml")
    again = params.runs["line"].model_copy(update={"seed": 7})
    runs = {**params.runs, "again": again}
    assert seed_groups(runs) == [["digits"], ["line", "again"]]


def test_a_second_training_with_the_same_seed_is_no_second_seed():
    line = load(ROOT / "recipes/quick.yaml").runs["line"]
    seeds = {"a": 0, "copy": 0, "a_seed1": 1, "a_seed2": 2, "copy_seed1": 1}
    runs = {name: line.model_copy(update={"seed": seed}) for name, seed in seeds.items()}
    assert seed_groups(runs) == [["a", "a_seed1", "a_seed2"], ["copy", "copy_seed1"]]


def test_a_mean_over_a_sweep_has_the_name_of_what_was_swept():
    assert name_of(["best", "best_seed1", "best_seed2"]) == "best"
    assert name_of(["best_seed1", "best_seed2"]) == "best_seed1, best_seed2"


def test_the_divergence_has_a_column_for_points_and_the_bound_for_images_has_none(tmp_path):
    """The bound is by each run's own D, so a better run can show a smaller one."""
    image = RUN | {"jsd": None, "jsd_at_least": 0.0321}
    runs = {"image": image, "point": RUN | {"dataset": "line"}}
    of_points, of_images = rendered(runs, {"line": "mixture", "mnist": "mnist"}).split("## mnist")
    assert " JSD " in of_points
    assert "JSD |" not in of_images
    assert "0.0321" not in of_images
    rows = rows_of("mnist", runs, "digits", [])
    written = list(csv.DictReader(csv_text(rows).splitlines()))
    assert [(row["jsd"], row["jsd_at_least"]) for row in written] == [("", ""), ("", "0.0321")]


REAL_DATA = {"fid": 3.2, "coverage": 0.95, "copy_rate": 0.01, "duplicate_rate": 0.01}
MEASURED: dict = {
    "fid": 5.7,
    "coverage": 0.9,
    "classes_hit": 10,
    "classes_missing": 0,
    "copy_rate": 0.01,
    "duplicate_rate": 0.01,
    "real_data": REAL_DATA,
}


@pytest.mark.parametrize(
    ("change", "faults"),
    [
        ({}, []),
        ({"classes_hit": 9, "classes_missing": 1}, ["missing_classes"]),
        ({"classes_hit": 9}, []),  # no real image is of the tenth
        ({"classes_hit": None, "classes_missing": None}, []),  # unlabelled data
        ({"fid": 220.0, "coverage": 0.3}, ["far_from_real"]),
        ({"fid": 220.0}, []),  # many times nearly nothing, as of points that are covered
        ({"copy_rate": 0.2}, ["copies"]),
        ({"copy_rate": 0.2, "real_data": REAL_DATA | {"copy_rate": 0.1}}, []),  # ten test images
        ({"duplicate_rate": 0.2, "classes_missing": 9}, ["missing_classes", "duplicates"]),
    ],
)
def test_the_evaluation_names_what_is_wrong_with_samples(change: dict, faults: list[str]):
    assert scores.faults(MEASURED | change) == faults


def test_the_verdict_names_faults_of_the_training_and_of_the_samples():
    for faults, said in (
        ({}, "healthy"),
        ({"evaluation": "missing_classes"}, "samples: missing classes"),
        (
            {"verdict": "mode_collapse", "evaluation": "copies"},
            "training: mode collapse; samples: copies",
        ),
    ):
        text = rendered({"mine": RUN | faults}, {"mnist": "mnist"})
        assert cells(text, "**mine**")["verdict"] == said


def test_likelihoods_stand_in_a_table_for_each_kind_of_data_the_best_first():
    known = RUN | {"log_p_kind": "exact", "log_p_error": 0.24, "bits_per_pixel": 0.166}
    runs = {
        "worse": known | {"log_p": -97.1, "log_p_data": "binarised"},
        "better": known | {"log_p": -90.2, "log_p_data": "binarised"},
        "flow": known | {"log_p": 1700.5, "log_p_data": "dequantised", "bits_per_pixel": 4.9},
        "gan": RUN,
    }
    _, bits, grey = rendered(runs, {"mnist": "digits"}).split("### ")
    assert first_cells(bits) == ["model", "**better**", "**worse**"]
    assert cells(bits, "**better**")["log p"] == "-90.20"
    assert cells(bits, "**better**")["kind"] == "exact"
    assert first_cells(grey) == ["model", "**flow**"]
    assert "gan" not in bits + grey


def test_other_views_of_the_same_samples_stand_below_their_run():
    looked_at = RUN | {
        "fid": 30.0,
        "view": "means",
        "views": {"states": {"fid": 90.0, "precision": 0.5, "recall": 0.4, "log_likelihood": 99.0}},
    }
    runs = {"belief_net": looked_at, "gan": RUN | {"fid": 60.0}}
    text = rendered(runs, {"mnist": "digits"})
    names = ["real data", "**belief_net (means)**", "belief_net (states)", "**gan**"]
    assert first_cells(text)[1:] == names
    assert cells(text, "belief_net (states)")["FID (classifier)"] == "90.0"
    assert cells(text, "belief_net (states)")["verdict"] == ""


DECODER = {
    "run": "mine",
    "dataset": "mnist",
    "log_p": 327.4,
    "log_p_error": 5.5,
    "log_p_kind": "AIS",
    "log_p_data": "dequantised",
    "log_p_gap": 1.93,
    "log_p_gap_error": 0.25,
    "bits_per_pixel": 7.3975,
    "noise_sigma": 0.158,
    "elbo": None,
    "iwae": None,
}


def test_what_ais_says_stands_beside_parzen_in_the_tables_of_likelihoods_alone(tmp_path):
    write_json(tmp_path / "scores/mine.json", RUN)
    for name in ("mine", "longer", "removed"):
        write_json(tmp_path / f"scores/likelihoods/{name}.json", DECODER)
    out = tmp_path / "table.md", tmp_path / "summary.json"
    entries = {"mine": "raw", "longer": "ema"}
    table.run(["mine"], entries, {"mnist": "mnist"}, [["mine"]], tmp_path / "scores", *out)
    above, below = out[0].read_text().split("### ")
    assert first_cells(above).count("**mine**") == 1
    assert cells(below, "**mine**") == {
        "model": "**mine**",
        "log p": "327.4",
        "standard error": "5.5",
        "kind": "AIS",
        "gap": "1.93",
        "sigma": "0.158",
        "bits per pixel": "7.397",
        "Parzen": "220.0",
    }
    other = cells(below, "**mine, longer (ema)**")
    assert (other["log p"], other["Parzen"]) == ("327.4", ""), "Parzen's is of raw weights"
    assert list(read_json(out[1])) == ["mine", "likelihoods"]
    assert not (tmp_path / "scores/likelihoods/removed.json").exists()
    written = list(csv.DictReader((tmp_path / "table.csv").read_text().splitlines()))
    row = next(row for row in written if row["log_p"])
    assert (row["model"], row["log_p_gap"], row["noise_sigma"]) == ("mine", "1.93", "0.158")
    assert row["fid"] == ""


def test_the_encoders_bounds_are_columns_where_there_is_one(tmp_path):
    bounds = {"elbo": 310.2, "elbo_error": 4.4, "iwae": 318.6, "iwae_error": 4.4}
    write_json(tmp_path / "scores/mine.json", RUN)
    write_json(tmp_path / "scores/likelihoods/mine.json", DECODER | bounds)
    out = tmp_path / "table.md", tmp_path / "summary.json"
    table.run(["mine"], {"mine": "raw"}, {"mnist": "mnist"}, [["mine"]], tmp_path / "scores", *out)
    found = cells(out[0].read_text().split("### ")[1], "**mine**")
    assert (found["ELBO"], found["IWAE"]) == ("310.2", "318.6")
