"""From a folder of pictures to settings that fit, and what is said of a folder that does not."""

import os
import re
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from pipeline import start
from pipeline.cli import main
from pipeline.config.editing import plain
from pipeline.config.notes import notes
from pipeline.config.params import load
from pipeline.start import settings
from pipeline.start.new import with_digest
from pipeline.start.pictures import tenth
from tests.conftest import ROOT


def draw(folder: Path, count: int, size: tuple[int, int] = (16, 16), colour: bool = False) -> None:
    """PNGs of noise, all different; `size`: height and width."""
    folder.mkdir(parents=True, exist_ok=True)
    random = np.random.default_rng(count)
    for index in range(count):
        pixels = random.integers(0, 256, (*size, 3) if colour else size, np.uint8)
        Image.fromarray(pixels).save(folder / f"{index:04}.png")


def cut_short(path: Path) -> None:
    """A JPEG whose header is whole and whose pixels are not."""
    draw(path.parent / path.stem, 1, (80, 80), colour=True)
    with Image.open(path.parent / path.stem / "0000.png") as picture:
        picture.save(path, quality=95)
    path.write_bytes(path.read_bytes()[:-1000])
    shutil.rmtree(path.parent / path.stem)


def new(*arguments: str) -> int:
    return main(["new", "cats", "--folder", "pictures", *arguments])


def test_classes_size_and_colours_are_seen_and_every_other_line_of_the_file_stays(here, capsys):
    draw(here / "pictures/tabby", 40, (20, 24), colour=True)
    draw(here / "pictures/black ones", 30, (20, 24), colour=True)
    before = (here / "params.yaml").read_text()
    assert new() == 0
    said = capsys.readouterr().out
    assert "70 pictures in colour, 2 classes: 56 to train on, 7 to validate, 7 to test" in said
    assert "Next: snakemake --cores all figures_cats" in said
    after = (here / "params.yaml").read_text()
    added = iter(after.splitlines())
    assert all(line in added for line in before.splitlines()), "the former lines, in their order"
    content = load(here / "params.yaml")
    source, run = content.datasets["cats"].source, content.runs["cats"]
    assert (source.height, source.width, source.channels) == (20, 24, 3)
    assert run.train.generator.name == "dcgan" and run.train.conditional is not None
    assert run.train.batch_size <= 56
    assert run.parzen.validation_images == 7 and run.parzen.real_data_images == 56
    assert notes(content) == []
    assert main(["download", "cats"]) == 0, "the digest is taken at once"
    assert main(["normalize", "cats"]) == 0


@pytest.mark.parametrize("preset", start.PRESETS)
@pytest.mark.parametrize("classes", [1, 3])
@pytest.mark.parametrize(("count", "size"), [(60, (16, 16)), (600, (28, 28))])
def test_every_preset_is_valid_for_few_and_many_pictures(here, preset, classes, count, size):
    for kind in range(classes):
        draw(here / f"pictures/{kind}", count // classes, size)
    assert new("--preset", preset) == 0
    content = load(here / "params.yaml")
    run = content.runs["cats"]
    assert (run.train.conditional is None) == (classes == 1)
    training = count - 2 * tenth(count)
    assert run.train.batch_size <= training
    assert run.train.steps * run.train.batch_size <= settings.MOST_EPOCHS * training
    assert notes(content) == []


def test_large_pictures_are_brought_to_a_size_that_two_cores_can_learn(here, capsys):
    draw(here / "pictures", 60, (70, 90))
    assert new() == 0
    assert "of 70 x 90, are brought to 32 x 32" in capsys.readouterr().out
    source = load(here / "params.yaml").datasets["cats"].source
    assert (source.height, source.width) == (32, 32)


def test_pictures_that_git_would_take_are_named_until_they_are_ignored(here, capsys):
    draw(here / "my pictures", 60)
    subprocess.run(["git", "init", "--quiet"], check=True)
    assert main(["new", "cats", "--folder", "my pictures"]) == 0
    (command,) = re.findall(r"echo .* >> \.gitignore", capsys.readouterr().out)
    subprocess.run(["bash", "-c", command], check=True)
    assert main(["new", "dogs", "--folder", "my pictures/"]) == 0
    assert "gitignore" not in capsys.readouterr().out


def test_too_few_steps_are_said_with_the_minutes_that_suffice(here, capsys):
    draw(here / "pictures", 60, (64, 64))
    assert new("--preset", "resnet") == 0
    said = capsys.readouterr().out
    assert "shapes need about 1,000 of them: add --minutes 13, or --size 32" in said
    assert main(["new", "more", "--folder", "pictures", "--minutes", "13"]) == 0
    assert "shapes need" not in capsys.readouterr().out


@pytest.mark.parametrize(
    ("preset", "side", "channels", "batch", "told", "milliseconds"),
    [
        ("dcgan", 32, 3, 32, True, 80),
        ("paper", 28, 1, 64, False, 28),
        ("paper", 32, 3, 32, True, 69),
        ("quick", 8, 1, 32, True, 3.4),
        ("quick", 32, 3, 64, True, 24),
        ("resnet", 32, 3, 32, True, 205),
        ("resnet", 32, 3, 32, False, 177),
        ("vae_gan", 28, 1, 32, True, 22),
        ("vae_gan", 32, 3, 64, True, 99),
    ],
)
def test_a_step_is_expected_to_take_what_it_took(preset, side, channels, batch, told, milliseconds):
    """Medians on two idle cores of an Intel Xeon (Emerald Rapids), float32."""
    found = settings.seconds_of_a_step(preset, side * side, channels, batch, told)
    assert found == pytest.approx(milliseconds / 1_000, rel=1 / 3)


def test_more_minutes_are_more_steps(here):
    draw(here / "pictures", 600)
    steps = []
    for name, minutes in (("short", "0.5"), ("long", "1")):
        assert main(["new", name, "--folder", "pictures", "--minutes", minutes]) == 0
        steps.append(load(here / "params.yaml").runs[name].train.steps)
    assert 1.7 < steps[1] / steps[0] < 2.3


def mixed(here):
    draw(here / "pictures", 50)
    draw(here / "pictures/more", 20, (16, 20))


REFUSED = {
    "mixed sizes": (
        mixed,
        [],
        "2 sizes (height x width: 50 of 16 x 16, 20 of 16 x 20)",
        "--size 32",
    ),
    "too few": (lambda h: draw(h / "pictures", 12), [], "holds 12 pictures", "add pictures"),
    "none": (lambda h: (h / "pictures").mkdir(), [], "holds 0 pictures", "add pictures"),
    "a file": (lambda h: (h / "pictures").write_text(""), [], "is a file", "name the folder"),
    "nothing there": (lambda h: None, [], "is not there", "name the folder"),
    "a small class": (
        lambda h: (draw(h / "pictures/a", 60), draw(h / "pictures/b", 3)),
        [],
        "pictures/b holds 3 pictures",
        "add some",
    ),
    "one class told": (
        lambda h: draw(h / "pictures", 60),
        ["--conditional"],
        "holds one class",
        "leave --conditional out",
    ),
    "too small for dcgan": (
        lambda h: draw(h / "pictures", 60, (8, 8)),
        ["--preset", "dcgan"],
        "preset dcgan is for pictures of 16 to 256 pixels a side, these would be 8 x 8",
        "--preset quick",
    ),
    "too small for a resnet": (
        lambda h: draw(h / "pictures", 60, (15, 40)),
        ["--preset", "resnet"],
        "preset resnet is for pictures of 16 to 256 pixels a side, these would be 15 x 40",
        "--size 32",
    ),
    "too large for a resnet": (
        lambda h: draw(h / "pictures", 60),
        ["--preset", "resnet", "--size", "257"],
        "these would be 257 x 257",
        "--size 32",
    ),
    "too large for full connections": (
        lambda h: draw(h / "pictures", 60, (48, 48), colour=True),
        ["--preset", "paper"],
        "48 x 48 x 3 are 6,912",
        "--preset dcgan or resnet",
    ),
    "no size": (lambda h: draw(h / "pictures", 60), ["--size", "2"], "--size 2", "such as 32"),
    "no picture": (
        lambda h: (draw(h / "pictures", 60), (h / "pictures/x.png").write_text("no")),
        [],
        "x.png: cannot be read as a picture",
        "remove it",
    ),
    "pictures cut short": (
        lambda h: (
            draw(h / "pictures", 60),
            cut_short(h / "pictures/x.jpg"),
            cut_short(h / "pictures/y.jpg"),
        ),
        [],
        "2 pictures cannot be read",
        "remove them from the folder:\n  pictures/x.jpg\n  pictures/y.jpg",
    ),
}


@pytest.mark.parametrize(("make", "more", "what", "remedy"), REFUSED.values(), ids=REFUSED)
def test_what_does_not_fit_is_said_with_what_to_do_and_nothing_is_written(
    here, assert_refused, make, more, what, remedy
):
    make(here)
    assert_refused(lambda: new(*more), what, remedy)


@pytest.mark.parametrize(
    ("name", "why"),
    [
        ("mnist", "has datasets.mnist already"),
        ("Line", "differ in capitals only"),
        ("table", "keeps files of its own under this name"),
        ("my-cats", "is no name for a run"),
    ],
)
def test_a_name_that_is_taken_or_reserved_is_refused(here, capsys, name, why):
    draw(here / "pictures", 60)
    before = (here / "params.yaml").read_bytes()
    assert main(["new", name, "--folder", "pictures"]) == 1
    said = capsys.readouterr().err
    assert why in said and "python -m pipeline new OTHER" in said
    assert (here / "params.yaml").read_bytes() == before


@pytest.mark.parametrize("folder", ["True", ".5", "no", "~", 'a"b', "two\nlines", "\x7f", "-x"])
def test_a_folder_may_have_any_name(here, folder):
    draw(here / folder, 60)
    assert main(["new", "cats", f"--folder={folder}"]) == 0
    assert load(here / "params.yaml").datasets["cats"].source.path == folder


def test_a_class_whose_name_is_no_utf_8_is_refused(here, capsys):
    draw(here / "pictures/a", 30)
    draw(here / "pictures" / os.fsdecode(b"\xe9"), 30)
    assert new() == 1
    assert "the name of this folder is no UTF-8" in capsys.readouterr().err


def test_sizes_that_differ_are_taken_when_the_user_says_to_which(here):
    mixed(here)
    assert new("--size", "16x24", "--no-conditional") == 0
    content = load(here / "params.yaml")
    assert (content.datasets["cats"].source.height, content.datasets["cats"].source.width) == (
        16,
        24,
    )
    assert content.runs["cats"].train.conditional is None


@pytest.mark.parametrize("written", ["as new does", "without", "in braces"])
def test_changed_pictures_are_accepted_by_one_command(here, capsys, written):
    draw(here / "pictures", 60)
    assert new() == 0
    file, lines = here / "params.yaml", (here / "params.yaml").read_text().splitlines(keepends=True)
    if written != "as new does":
        lines = [line for line in lines if "digest: " not in line]
    text = "".join(lines)
    if written == "in braces":
        start, end = (
            text.index("    source:\n      name: folder"),
            text.index("    normalize:\n      val"),
        )
        braces = "    source: {name: folder, path: pictures, height: 16, width: 16, channels: 1}  # mine\n"
        text = text[:start] + braces + text[end:]
    file.write_text(text)
    draw(here / "pictures/more", 20)
    assert main(["download", "cats"]) == 1
    assert "next:\n  python -m pipeline download cats --accept" in capsys.readouterr().err
    assert main(["download", "cats", "--accept"]) == 0
    assert "accepts these 80 pictures" in capsys.readouterr().out
    assert main(["download", "cats"]) == 0
    kept = [
        line for line in text.splitlines() if "digest: " not in line and "{name: folder" not in line
    ]
    added = iter(file.read_text().splitlines())
    assert all(line in added for line in kept)


@pytest.mark.parametrize(
    "written", ["name: folder", 'digest: "ab"\n      name: folder', "{name: folder}"]
)
@pytest.mark.parametrize("digest", ["0123456789012345", "12345e7890123456", "abcdef0123456789"])
def test_a_digest_that_reads_as_a_number_is_written_as_text(digest, written):
    gap = " " if written.startswith("{") else "\n      "
    changed = with_digest(f"datasets:\n  cats:\n    source:{gap}{written}\n", "cats", digest)
    assert changed and plain(changed)["datasets"]["cats"]["source"]["digest"] == digest


def test_published_data_have_no_digest_to_accept(here, capsys):
    assert main(["download", "line", "--accept"]) == 1
    assert "datasets.line is not a folder or file of your pictures" in capsys.readouterr().err


def test_the_example_recipe_is_what_new_writes(here, capsys):
    """But for the digest, which is left to be accepted."""
    draw(here / "pictures/one", 300, (32, 32), colour=True)
    draw(here / "pictures/two", 200, (32, 32), colour=True)
    assert new() == 0
    written = (here / "params.yaml").read_text()
    recipe = (ROOT / "recipes/folder.yaml").read_text()
    dataset, run = recipe.split("datasets:\n")[1].split("\nruns:\n")
    without_digest = "".join(
        line for line in written.splitlines(keepends=True) if "digest: " not in line
    )
    assert dataset in without_digest and run in without_digest
    assert main(["check", "--file", str(ROOT / "recipes/folder.yaml")]) == 0
