import csv

import pytest

from pipeline.cli import seed_groups
from pipeline.config.params import load
from pipeline.io.files import read_json, write_json
from pipeline.stages import scores, table
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
        for row in table.rows_of(dataset, runs, source, groups or [])
    ]
    return table.render(rows)


def first_cells(text: str) -> list[str]:
    return [line.split("|")[1].strip() for line in text.splitlines() if line.startswith("| ")]


def test_runs_stand_among_the_published_rows_best_first():
    text = rendered({"mine": RUN}, {"mnist": "mnist"})
    assert first_cells(text) == [
        "model",
        "real data",
        "Adversarial nets (published, 2014)",
        "**mine**",
        "Deep GSN (published, 2014)",
        "DBN (published, 2014)",
        "Stacked CAE (published, 2014)",
    ]


def test_published_rows_stand_beside_their_own_dataset_only():
    text = rendered({"mine": RUN | {"dataset": "other"}}, {"other": "digits"})
    assert first_cells(text) == ["model", "real data", "**mine**"]


def test_the_numbers_of_a_removed_run_are_dropped(tmp_path):
    scores = tmp_path / "scores"
    for name in ("kept", "removed"):
        write_json(scores / f"{name}.json", RUN)
    out = tmp_path / "table.md", tmp_path / "summary.json"
    table.run(["kept"], {"mnist": "mnist"}, [["kept"]], scores, *out)
    assert "removed" not in out[0].read_text()
    assert list(read_json(out[1])) == ["kept"]
    assert not (scores / "removed.json").exists()


def test_the_csv_has_the_numbers_of_the_markdown(tmp_path):
    write_json(tmp_path / "scores/mine.json", RUN)
    out = tmp_path / "table.md", tmp_path / "summary.json"
    table.run(["mine"], {"mnist": "mnist"}, [["mine"]], tmp_path / "scores", *out)
    rows = list(csv.DictReader((tmp_path / "table.csv").read_text().splitlines()))
    assert [row["model"] for row in rows][:3] == ["real data", "Adversarial nets", "mine"]
    assert [row["published"] for row in rows][:3] == ["False", "True", "False"]
    assert (rows[2]["log_likelihood"], rows[2]["fid"]) == ("220.0", "4.5")
    assert rows[0]["fid"] == "0.1"


def test_runs_that_differ_in_their_seed_get_a_row_of_their_mean():
    runs = {
        name: RUN | {"log_likelihood": x, "fid": x / 10, "jsd": None}
        for name, x in (("a", 210.0), ("b", 220.0), ("c", 5.0))
    }
    text = rendered(runs, {"mnist": "mnist"}, [["a", "b"], ["c"]])
    line = next(line for line in text.splitlines() if "| a, b, mean over 2 seeds " in line)
    cells = [cell.strip() for cell in line.split("|")]
    headings = [cell.strip() for cell in text.splitlines()[4].split("|")]
    shown = dict(zip(headings, cells, strict=True))
    assert (shown["log-likelihood (nats)"], shown["std over seeds"]) == ("215", "7.1")
    assert shown["standard error"] == ""  # of no single set of test images
    assert (shown["FID"], shown["precision"]) == ("21.5 (std 0.71)", "0.9 (std 0)")
    assert cells.count("") == 2 + 6  # no sigma, classes, steps, verdicts, standard error


def test_standard_error_and_deviation_over_seeds_never_share_a_column(tmp_path):
    for seed, nats in enumerate((210.0, 220.0)):
        write_json(
            tmp_path / f"scores/run{seed}.json", RUN | {"seed": seed, "log_likelihood": nats}
        )
    out = tmp_path / "table.md", tmp_path / "summary.json"
    names = ["run0", "run1"]
    table.run(names, {"mnist": "mnist"}, [names], tmp_path / "scores", *out)
    rows = {
        row["model"]: row
        for row in csv.DictReader((tmp_path / "table.csv").read_text().splitlines())
    }
    mean = rows["run0, run1, mean over 2 seeds"]
    assert (mean["standard_error"], mean["log_likelihood_std"]) == ("", "7.1")
    assert (rows["run0"]["standard_error"], rows["run0"]["log_likelihood_std"]) == ("2.0", "")
    assert (rows["DBN"]["standard_error"], rows["DBN"]["log_likelihood_std"]) == ("2.0", "")
    assert "±" not in out[0].read_text()


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ({"mean": 243.5571, "standard_error": 2.1345}, (243.6, 2.1)),
        ({"mean": 0.8123, "standard_error": 0.0061}, (0.8123, 0.0061)),
        ({"mean": 1908.77, "standard_error": 66.1}, (1908.8, 66.1)),
        ({"mean": 3.0, "standard_error": 0.0}, (3.0, 0.0)),
        (None, (None, None)),
    ],
)
def test_a_likelihood_has_as_many_digits_as_are_known(line, expected):
    assert tuple(scores.likelihood(line, "mean", "error").values()) == expected


def test_the_mean_over_seeds_takes_in_runs_that_are_otherwise_the_same():
    params = load(ROOT / "recipes/quick.yaml")
    again = params.runs["line"].model_copy(update={"seed": 7})
    runs = {**params.runs, "again": again}
    assert seed_groups(runs) == [["digits"], ["line", "again"]]


def test_a_mean_over_a_sweep_has_the_name_of_what_was_swept():
    assert table.name_of(["best", "best_seed1", "best_seed2"]) == "best"
    assert table.name_of(["best_seed1", "best_seed2"]) == "best_seed1, best_seed2"


def test_the_divergence_has_a_column_for_points_and_the_bound_for_images_has_none(tmp_path):
    """The bound is by each run's own D, so a better run can show a smaller one."""
    image = RUN | {"jsd": None, "jsd_at_least": 0.0321}
    runs = {"image": image, "point": RUN | {"dataset": "line"}}
    of_points, of_images = rendered(runs, {"line": "mixture", "mnist": "mnist"}).split("## mnist")
    assert " JSD " in of_points
    assert "JSD |" not in of_images
    assert "0.0321" not in of_images
    rows = table.rows_of("mnist", runs, "digits", [])
    written = list(csv.DictReader(table.csv_text(rows).splitlines()))
    assert [(row["jsd"], row["jsd_at_least"]) for row in written] == [("", ""), ("", "0.0321")]


MEASURED = {
    "fid": 5.7,
    "coverage": 0.9,
    "classes_hit": 10,
    "copy_rate": 0.01,
    "duplicate_rate": 0.01,
    "real_data": {"fid": 3.2, "coverage": 0.95},
    "compared": {"classes": 10},
}


@pytest.mark.parametrize(
    ("change", "faults"),
    [
        ({}, []),
        ({"classes_hit": 9}, ["missing_classes"]),
        ({"classes_hit": None, "compared": {"classes": None}}, []),  # unlabelled data
        ({"fid": 220.0, "coverage": 0.3}, ["far_from_real"]),
        ({"fid": 220.0}, []),  # many times nearly nothing, as of points that are covered
        ({"copy_rate": 0.2}, ["copies"]),
        ({"duplicate_rate": 0.2, "classes_hit": 1}, ["missing_classes", "duplicates"]),
    ],
)
def test_the_evaluation_names_what_is_wrong_with_samples(change: dict, faults: list[str]):
    assert scores.faults(MEASURED | change) == faults


def test_a_training_without_failure_can_stand_beside_samples_at_fault():
    text = rendered({"mine": RUN | {"evaluation": "missing_classes"}}, {"mnist": "mnist"})
    line = next(line for line in text.splitlines() if "**mine**" in line)
    assert [cell.strip() for cell in line.split("|")][-3:-1] == ["healthy", "missing_classes"]
    assert "healthy means no failure and says nothing of the samples" in text
