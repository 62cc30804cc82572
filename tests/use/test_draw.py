"""The command draw: what it writes, and what it refuses."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from pipeline import load
from pipeline.cli import main


@pytest.fixture
def here(trained: Path, tmp_path: Path, monkeypatch) -> Path:
    """Another folder than the project's, which `results` leads to."""
    (tmp_path / "results").symlink_to(trained / "results")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def drawn(*arguments: str) -> None:
    assert main(["draw", *arguments]) == 0


def test_arrays_are_those_of_load(here):
    drawn("digits", "--count", "7", "--seed", "3", "--weights", "raw", "--out", "some.npy")
    expected = load("results/digits", "raw").sample(7, seed=3).numpy()
    assert np.array_equal(np.load("some.npy"), expected)
    drawn("results/told", "--count", "4", "--label", "3", "--truncation", "1", "--out", "3.npy")
    expected = load("results/told").sample(4, label=3, truncation=1).numpy()
    assert np.array_equal(np.load("3.npy"), expected)
    drawn("told", "--count", "4", "--label", "3", "--rejection", ".5", "--out", "3.npy")
    expected = load("results/told").sample(4, label=3, rejection=0.5).numpy()
    assert np.array_equal(np.load("3.npy"), expected)


def test_a_sheet_named_after_the_run_is_the_default(here, capsys):
    drawn("digits")
    assert capsys.readouterr().out.endswith("(ema weights, seed 0): digits.png\n")
    with Image.open("digits.png") as sheet:
        assert sheet.width == sheet.height == 10 * (7 * 8 + 2) + 2
    drawn("results/digits/model.safetensors", "--count", "4")
    with Image.open("digits.png") as sheet:
        assert sheet.width == 2 * (7 * 8 + 2) + 2


@pytest.mark.parametrize("label", [[], ["--label", "each"]], ids=["default", "each"])
def test_all_classes_in_turn_have_a_row_each_with_its_name(here, label):
    drawn("told", *label, "--count", "30")
    with Image.open("told.png") as sheet:
        assert sheet.height == 10 * (7 * 8 + 2) + 2
        assert sheet.width > 3 * (7 * 8 + 2) + 40


def test_single_pictures_go_to_a_folder(here):
    for _ in range(2):
        drawn("digits", "--count", "3", "--out", "apart")
    assert sorted(path.name for path in Path("apart").iterdir()) == [
        "0000.png",
        "0001.png",
        "0002.png",
    ]
    with Image.open("apart/0001.png") as picture:
        levels = ((load("results/digits").sample(3)[1, 0].clamp(-1, 1) + 1) * 127.5).round()
        assert np.array_equal(np.asarray(picture), levels.numpy())


def test_an_animation_goes_around_all_points_and_ends_before_it_began(here):
    drawn("digits", "--interpolate", "5", "--count", "3", "--out", "round.gif")
    with Image.open("round.gif") as animation:
        assert animation.n_frames == 3 * 4
        assert animation.size == (224, 224)
        assert animation.info["loop"] == 0
    drawn("flow", "--interpolate", "5", "--count", "3", "--path", "line", "--out", "round.npy")
    tour = np.load("round.npy").reshape(3, 5, 1, 8, 8)
    G = load("results/flow")
    assert np.array_equal(tour[:, 0], G.sample(3).numpy())
    np.testing.assert_allclose(tour[:, -1], np.roll(tour[:, 0], -1, axis=0), atol=0.02)


def test_points_are_plotted_and_arrays_of_any_family_are_written(here):
    drawn("line", "--count", "500")
    with Image.open("line.png") as plot:
        assert plot.width > 300
    for run in ("rbm", "autoregressive"):
        drawn(run, "--count", "4", "--out", f"{run}.npy")
        assert np.load(f"{run}.npy").shape == (4, 1, 8, 8)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ("told --interpolate 4", "give label (--label), 0 to 9"),
        ("told --label 11", "knows no class 11"),
        ("digits --label 1", "is told no class"),
        ("digits --out a.jpg", "expected .png (one sheet)"),
        ("digits --count 0", "count is 0"),
        ("digits --count 10001", "10,001 images, and one .png takes 10,000 at most"),
        ("digits --interpolate 5000 --count 4 --out a.gif", "20,000 images, and one .gif takes"),
        ("digits --count 1000000000000 --out a.npy", "1,000,000,000,000 images take 238,418.6 GiB"),
        ("rbm --count 1000000000000 --out many", "draw fewer at a time"),
        ("digits --path line", "--path is of --interpolate STEPS"),
        ("digits --interpolate 5 --count 1", "--count, with --interpolate, is 1"),
        ("digits --interpolate 1", "steps is 1"),
        ("digits --interpolate 0", "steps is 0"),
        ("rbm --out a.gif", "latent needs a latent space"),
        ("line --out apart", "draws points, which are no pictures"),
        ("line --out a.gif", "draws points, which are no pictures"),
        ("digits --out taken", "it holds notes.txt, which would be mixed"),
        ("digits --out folder.png", "error: Is a directory (folder.png)."),
        ("nobody", "there is no model at nobody"),
        ("noisy --weights ema", "has no average of weights"),
    ],
)
def test_what_cannot_be_drawn_is_one_line_and_nothing_is_written(here, capsys, arguments, said):
    (here / "taken").mkdir()
    (here / "folder.png").mkdir()
    (here / "taken/notes.txt").write_text("mine")
    before = sorted(here.rglob("*"))
    assert main(["draw", *arguments.split()]) == 1
    error = capsys.readouterr().err
    assert said in error
    assert len(error.splitlines()) == 1
    assert sorted(here.rglob("*")) == before
