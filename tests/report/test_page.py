"""The page of results: what it shows of runs that are finished, and says of those that are not.

It is opened in a browser in tests/interplay/test_looking.py.
"""

import json
import math
import re
import subprocess
import sys
from html import unescape
from pathlib import Path

import pytest

from pipeline.cli import main
from pipeline.report import page
from pipeline.report.pictures import fair_share, fitted
from pipeline.team.sweep import sweep
from tests.conftest import ROOT
from tests.report.folder import SCORES, edit, finish, measure, set_up

PARAMS = Path("params.yaml")


@pytest.fixture(autouse=True)
def here(tmp_path, monkeypatch):
    set_up(tmp_path)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def written() -> str:
    return page.write().read_text()


def words(html: str) -> str:
    """What one reads: without styles, tags and pictures."""
    visible = re.sub(r"<style>.*?</style>|<[^>]+>", " ", html, flags=re.DOTALL)
    return re.sub(r"\s+(?=[:;,.])", "", re.sub(r"\s+", " ", unescape(visible)))


def part(html: str, name: str) -> str:
    """The section of one run."""
    return html.partition(f'id="run-{name}"')[2].partition("</article>")[0]


def test_the_page_has_one_row_and_one_sheet_for_a_group_of_seeds_and_a_section_for_each_run():
    sweep(PARAMS, "digits", ["seed=0,1"], rewrite=False)
    finish(Path(), digits_seed1={"fid": 33.7})
    html = written()
    table = html.partition("<table>")[2].partition("</table>")[0]
    assert table.count('<tr class="group">') == 1
    assert "32.7 <span" in table  # the mean of 31.7 and 33.7
    cards = html.partition('id="data-digits"')[2].partition('id="runs-digits"')[0]
    assert cards.count("<img") == 1
    for run in ("digits", "digits_seed1", "line"):
        assert html.count(f'id="run-{run}"') == 1
        assert part(html, run).count("<img") == 8


def test_a_run_says_how_long_it_was_trained_here():
    finish(Path())
    measure(Path(), "digits", train_seconds=6.5)
    html = written()
    assert "seed 0, 600 steps, 6.5 s here" in words(part(html, "digits"))
    assert "s here" not in words(part(html, "line"))


def test_nothing_on_the_page_is_elsewhere_and_nothing_is_a_script():
    finish(Path())
    html = written()
    links = re.findall(r'(?:src|href)="([^"]*)"', html)
    assert len(links) > 20
    assert all(link.startswith(("data:", "#")) for link in links)
    assert "<script" not in html
    assert "default-src 'none'" in html
    anchors = {link[1:] for link in links if link.startswith("#")}
    assert anchors <= set(re.findall(r'id="([^"]*)"', html))


def test_settings_that_differ_are_shown_with_defaults_filled_in():
    sweep(PARAMS, "digits", ["train.loss=minimax,non_saturating"], rewrite=False)
    finish(Path())
    shown = words(written())
    assert "Settings that differ" in shown
    assert "train.loss" in shown
    assert "minimax" in shown
    assert "train.discriminator_loss_scale 1" in shown  # of all settings, but of no difference
    differing = shown.partition("Settings that differ")[2].partition("Side by side")[0]
    assert "discriminator_loss_scale" not in differing


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda: Path("dvc.lock").unlink(), "digits: download has not run"),
        (
            lambda: edit(
                PARAMS, "steps: 600\n      batch_size: 100", "steps: 400\n      batch_size: 100"
            ),
            "digits: train ran with other settings: train.steps 600, now 400",
        ),
        (
            lambda: Path("results/scores/digits.json").unlink(),
            "digits: results/scores/digits.json is recorded but not here: snakemake --cores all takes",
        ),
        (
            lambda: Path("results/scores/digits.json").write_text('{"fid": '),
            "digits: results/scores/digits.json is damaged; bring it back with: dvc checkout",
        ),
        (lambda: Path("results/digits/verdict.json").write_text("[]"), "verdict.json is damaged"),
        *(
            (
                lambda odd=odd: Path("results/scores/digits.json").write_text(json.dumps(odd)),
                "digits: results/scores/digits.json is of another version of this project",
            )
            for odd in (
                {"fid": 1.0},
                SCORES | {"dataset": "digits", "fid": "3"},
                SCORES | {"dataset": "digits", "precision": math.nan},
                SCORES | {"dataset": "digits", "features": "another"},
            )
        ),
    ],
)
def test_a_run_that_is_not_finished_is_named_with_the_reason(change, said: str):
    finish(Path())
    assert "are finished with the settings" not in words(written())
    change()
    assert said in words(written())
    assert "of 2 runs" in words(written())


def test_before_anything_has_run_the_page_says_so():
    shown = words(written())
    assert "0 of 2 runs are finished" in shown
    assert "No run on digits is finished yet" in shown


def test_a_training_under_way_shows_its_step():
    live = Path("results/digits/live/metrics.json")
    live.parent.mkdir(parents=True)
    live.write_text('{"step": 250}')
    finish(Path())
    lock = Path("dvc.lock")
    lock.write_text(re.sub(r"  train@digits:\n(    .*\n|  - .*\n)*", "", lock.read_text()))
    assert "digits: train has not run; step 250 of 600 so far" in words(written())


def test_faults_and_names_of_users_are_shown_as_text():
    finish(Path(), digits={"verdict": "<b>collapse</b>", "evaluation": "copies"})
    html = written()
    assert "training: &lt;b&gt;collapse&lt;/b&gt;; samples: copies" in html
    assert "<b>collapse" not in html


def test_pictures_share_the_room_that_is_left(here, monkeypatch):
    finish(Path(), edge=320)
    whole = len(written())
    monkeypatch.setattr("pipeline.report.figures.SHEET_BYTES", 50_000)
    monkeypatch.setattr("pipeline.report.figures.FIGURE_BYTES", 150_000)
    html = written()
    assert len(html) < 320_000 < whole
    assert "data:image/webp" in html
    monkeypatch.setattr("pipeline.report.figures.FIGURE_BYTES", 20_000)
    html = written()
    assert "no room on this page" in html
    assert "results/line/grid.png" in html


def test_a_damaged_picture_is_left_out():
    finish(Path())
    Path("results/digits/curves.png").write_bytes(b"\x89PNG cut off")
    html = written()
    assert part(html, "digits").count("<img") == 7


@pytest.mark.parametrize(
    ("sizes", "room", "share"),
    [([1, 2, 3], 10, 3), ([1, 10, 10], 11, 5), ([8, 8], 4, 2), ([], 9, 0)],
)
def test_the_share_of_each_picture_fills_the_room(sizes: list[int], room: int, share: int):
    assert fair_share(sizes, room) == share
    assert sum(min(size, share) for size in sizes) <= room


def test_a_missing_picture_takes_no_room(tmp_path):
    assert fitted([tmp_path / "none.png"], 1000) == {}


def test_the_command_prints_where_the_page_is_and_imports_no_torch(here):
    finish(Path())
    code = "import sys; from pipeline.cli import main; main(['page']); sys.exit('torch' in sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, env={"PYTHONPATH": str(ROOT)}
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout == f"Page of results: {here}/results/index.html\n"


def test_a_damaged_lock_file_ends_in_a_few_lines(capsys):
    Path("dvc.lock").write_text("<<<<<<< ours\nstages: [")
    assert main(["page"]) == 1
    said = capsys.readouterr().err
    assert "dvc.lock is damaged or has merge markers" in said
    assert len(said.splitlines()) < 5


@pytest.mark.parametrize(
    ("environment", "terminal", "shown"),
    [
        ({"DISPLAY": ":0"}, True, True),
        ({"DISPLAY": ":0"}, False, False),
        ({"WAYLAND_DISPLAY": "wayland-0"}, True, True),
        ({"DISPLAY": ":10", "SSH_CONNECTION": "1 2 3 4"}, True, False),
        ({}, True, False),
    ],
)
def test_a_browser_is_opened_on_a_desktop_only(monkeypatch, environment, terminal, shown):
    opened: list[str] = []
    for name in ("DISPLAY", "WAYLAND_DISPLAY", "SSH_CONNECTION"):
        monkeypatch.delenv(name, raising=False)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr("sys.platform", "linux")
    monkeypatch.setattr("sys.stdout.isatty", lambda: terminal, raising=False)
    monkeypatch.setattr("webbrowser.open", opened.append)
    finish(Path())
    page.write(show=True)
    assert opened == ([page.PAGE.resolve().as_uri()] if shown else [])


def test_estimates_of_likelihoods_stand_in_a_table_of_their_own():
    entry = {"run": "digits", "dataset": "digits", "seed": 0, "threads": 1}
    with PARAMS.open("a") as file:
        file.write(f"\nlikelihoods: {json.dumps({'short': entry, 'long': entry})}\n")
    finish(Path())
    found = {
        "run": "digits",
        "dataset": "digits",
        "log_p_kind": "AIS",
        "log_p_data": "dequantised",
        "log_p": 71.3,
        "log_p_error": 2.2,
        "log_p_gap": 0.52,
        "log_p_gap_error": 0.11,
        "bits_per_pixel": 6.391,
    }
    scores = Path("results/scores/likelihoods")
    scores.mkdir()
    (scores / "short.json").write_text(json.dumps(found))
    (scores / "long.json").write_text("{")  # damaged, or not finished
    said = words(written())
    assert "Log-likelihood of dequantised test images" in said
    assert "digits, short 71.3 2.2 AIS 0.52 6.391 5.20" in said
    assert "Not estimated yet: likelihoods long." in said
