"""What is said of a claim follows from the numbers, and flips with them."""

import json

import pytest

from pipeline.claims import game, likelihoods, report, sampling
from pipeline.claims.finding import NotRun
from pipeline.claims.project import Project
from pipeline.errors import ConfigError
from tests.claims.project import finish, params


@pytest.fixture
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.parametrize(
    ("recall", "classes", "verdict"), [(0.1, 10, "supported"), (0.8, 4, "supported"), (0.8, 10, "contradicted")]
)  # fmt: skip
def test_a_collapse_is_lost_recall_or_lost_classes(here, recall, classes, verdict):
    usual = {"classes_hit": 10, "recall": 0.85, "precision": 0.9, "duplicate_rate": 0.01}
    finish(here, "one", metrics=usual)
    finish(here, "many", metrics=usual | {"recall": recall, "classes_hit": classes})
    found = game.helvetica(Project([params(one={}, many={"generator_steps": 25})]))
    assert found.verdict == verdict
    assert found.numbers["one"]["25"]["recall"] == recall


def test_runs_that_differ_in_more_than_one_setting_are_no_experiment(here):
    for name in ("one", "many"):
        finish(here, name, metrics={})
    project = Project([params(one={}, many={"generator_steps": 25, "batch_size": 50})])
    with pytest.raises(NotRun, match=r"differ in train\.generator_steps only"):
        game.helvetica(project)


@pytest.mark.parametrize(("gap", "verdict"), [(0.3, "supported"), (0.0, "contradicted")])
def test_d_overfits_where_its_gap_grows_with_k(here, gap, verdict):
    for name, own in (("few", 0.0), ("often", gap)):
        seen = {"kind": "bound", "d_mean": {"train": 0.5 + own, "test": 0.5, "generated": 0.5}}
        finish(here, name, theory=seen, metrics={"recall": 0.8})
    found = game.inner_loop(Project([params(few={}, often={"discriminator_steps": 5})]))
    assert found.verdict == verdict
    assert found.numbers["few"]["5"]["gap"] == pytest.approx(gap)


def test_a_k_that_changes_in_a_training_is_none_of_the_k_that_are_compared(here):
    schedule = [{"from_step": 0, "k": 1}, {"from_step": 100, "k": 5}]
    trains = {"few": {"discriminator_steps": 1}, "often": {"discriminator_steps": 5}}
    for name in (*trains, "rising"):
        seen = {"kind": "bound", "d_mean": {"train": 0.5, "test": 0.5, "generated": 0.5}}
        finish(here, name, theory=seen, metrics={"recall": 0.8})
    rising = {"discriminator_steps": schedule}
    found = game.inner_loop(Project([params(**trains, rising=rising)]))
    assert [*found.numbers["few"]] == ["1", "5"]


@pytest.mark.parametrize(("minimax", "verdict"), [(1e-4, "supported"), (0.5, "contradicted")])
def test_minimax_saturates_where_its_gradient_is_weak(here, minimax, verdict):
    for name, norm in (("one", 0.5), ("other", minimax)):
        finish(here, name)
        rows = "".join(f"{step}\t{norm}\t0.01\n" for step in (25, 50, 4_000))
        (here / f"results/{name}/training.tsv").write_text("step\tg_gradient_norm\td_fake\n" + rows)
    found = game.saturation(Project([params(one={}, other={"loss": "minimax"})]))
    assert found.verdict == verdict
    assert found.numbers["one"]["minimax"]["step"] == [25, 50]


@pytest.mark.parametrize(("parzen", "verdict"), [((4, 3, 2, 1), "contradicted"), ((1, 2, 3, 4), "supported"), ((4, 1, 3, 2), "supported"), ((4, 3, 1, 2), "limited")])  # fmt: skip
def test_parzen_is_doubted_where_its_order_is_another(here, parzen, verdict):
    names = ("a", "b", "c", "d")
    for name, log_p, nats in zip(names, (-80, -85, -90, -95), parzen, strict=True):
        likelihood = {"kind": "exact", "data": "binarised", "how": ""}
        theory = {"likelihood": likelihood, "test": {"mean": log_p, "standard_error": 0.2}}
        finish(here, name, theory=theory, parzen={"log_likelihood": {"mean": nats}})
    made = {name: {"model": "autoregressive", "steps": 60 + i} for i, name in enumerate(names)}
    assert likelihoods.parzen_order(Project([params(**made)])).verdict == verdict


@pytest.mark.parametrize(
    ("nats", "seconds", "verdict"),
    [(-110, 0.011, "supported"), (-110, 0.005, "limited"), (-90.1, 0.01, "contradicted")],
)
def test_chains_matter_where_machines_differ_after_equal_seconds(
    here, monkeypatch, nats, seconds, verdict
):
    for name, log_p in (("kept", -90), ("anew", nats)):
        found = {"test": {"mean": log_p, "standard_error": 0.2}, "error": 0.1, "log_z": 450.0}
        finish(here, name, theory=found)
    costs = {"kept": 0.01, "anew": seconds}
    monkeypatch.setattr(
        likelihoods, "update_costs", lambda runs: [(run, costs[run.name]) for run in runs]
    )
    machines = {"kept": {"model": "rbm"}, "anew": {"model": "rbm", "persistent": False}}
    found = likelihoods.chains_for_gradients(Project([params(**machines)]))
    assert found.verdict == verdict
    assert found.numbers["anew"]["seconds"] == pytest.approx(
        seconds * found.numbers["anew"]["updates"]
    )


@pytest.mark.parametrize(("rate", "verdict"), [(0.002, "supported"), (0.02, "limited"), (0.9, "contradicted")])  # fmt: skip
def test_a_g_that_copies_contradicts_the_claim(here, rate, verdict):
    finish(here, "one", metrics={"copy_rate": rate})
    assert sampling.no_copies(Project([params(one={})])).verdict == verdict


def test_what_was_not_run_is_said_and_nothing_is_guessed(here, capsys, monkeypatch):
    monkeypatch.setattr(likelihoods, "DIMENSIONS", (1, 100))
    monkeypatch.setattr(likelihoods, "CENTRES", 500)
    said = report.run({"params.yaml": params(one={}, other={"model": "gsn"})}, here / "out")
    # the one that needs no run
    assert said.endswith(": 1 of 23 claims measured")
    assert "not trained here: one, other" in capsys.readouterr().err
    content = json.loads((here / "out/claims.json").read_text())
    left = {key for key, each in content.items() if each["verdict"] == "not run"}
    assert set(content) - left == {"parzen_dimensions"}
    page = (here / "out/claims.md").read_text()
    assert page.count("**Not run.**") == len(left)
    assert "| supported | [parzen dimensions](#parzen-dimensions) |" in page
    assert (here / "out/claims.png").stat().st_size > 1_000
    assert not (here / "out/adversarial.png").exists()


def test_rows_of_two_cells_are_a_line():
    rows = [("run", "copies"), ("a", "0.01"), ("b", "1")]
    assert report.listed(rows) == "Run (copies): a (0.01), b (1).\n"


def test_claims_that_are_not_asked_for_stay_as_they_were(here):
    known = {
        "verdict": "supported",
        "words": "as before.",
        "rows": [["a", "b"], ["x", "1"]],
        "numbers": {},
    }
    (here / "out").mkdir()
    every = [claim.key for claims in report.GROUPS.values() for claim in claims]
    (here / "out/claims.json").write_text(json.dumps(dict.fromkeys(every, known)))
    report.run({"params.yaml": params(one={})}, here / "out", ["one_half"])
    content = json.loads((here / "out/claims.json").read_text())
    assert content["one_half"]["verdict"] == "not run"
    assert all(content[key] == known for key in every if key != "one_half")
    with pytest.raises(ConfigError, match="--only half: no such claim; there are adversarial"):
        report.run({"params.yaml": params(one={})}, here / "out", ["half"])


def test_two_files_may_not_mean_different_runs_by_one_name():
    with pytest.raises(ConfigError, match=r"runs\.one is not the same in all"):
        Project([params(one={}), params(one={"steps": 300})])
