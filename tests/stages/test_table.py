from pipeline.files import read_json, write_json
from pipeline.stages import table

RUN = {
    "dataset": "mnist",
    "seed": 0,
    "verdict": "healthy",
    "steps": 1000,
    "seconds": 60,
    "log_likelihood": 220.0,
    "standard_error": 2.0,
    "sigma": 0.1668,
    "real_data": 243.6,
    "real_data_error": 2.1,
}


def first_cells(text: str) -> list[str]:
    return [line.split("|")[1].strip() for line in text.splitlines() if line.startswith("| ")]


def test_runs_stand_among_the_published_rows_best_first():
    text = table.render({"mine": RUN}, {"mnist": "mnist"})
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
    text = table.render({"mine": RUN | {"dataset": "other"}}, {"other": "digits"})
    assert first_cells(text) == ["model", "real data", "**mine**"]


def test_the_numbers_of_a_removed_run_are_dropped(tmp_path):
    scores = tmp_path / "scores"
    for name in ("kept", "removed"):
        write_json(scores / f"{name}.json", RUN)
    out = tmp_path / "table.md", tmp_path / "summary.json"
    table.run(["kept"], {"mnist": "mnist"}, scores, *out)
    assert "removed" not in out[0].read_text()
    assert list(read_json(out[1])) == ["kept"]
    assert not (scores / "removed.json").exists()
