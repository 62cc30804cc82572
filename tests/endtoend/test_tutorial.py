"""The tutorial's commands, in the order they stand there, with fewer pictures and shorter trainings."""

import re
from pathlib import Path

import numpy as np
from PIL import Image

from tests.conftest import ROOT, Project
from tests.endtoend.conftest import commands

TUTORIAL = (ROOT / "docs/tutorial.md").read_text()
COMMANDS = commands(TUTORIAL)
# (command, what is run for it)
FILLED_IN = {
    "python -m pipeline new cats --folder pictures": (
        "python -m pipeline new cats --folder pictures --minutes 0.01"
    ),
    "git remote set-url origin <a repository of yours>": "git remote set-url origin ../origin.git",
    "dvc remote add --default team /path/to/a/shared/folder": "dvc remote add --default team ../shared",
    "git clone <a repository of yours> gan-pipeline && cd gan-pipeline": (
        "git clone --quiet ../origin.git ../colleague && cd ../colleague && git log -1 --format=%s "
        "&& dvc pull --quiet results/cats/grid.png && test -f results/cats/grid.png"
    ),
}


def draw(folder: Path, count: int) -> None:
    """Pictures of noise, grey, 16 x 16."""
    folder.mkdir(parents=True)
    random = np.random.default_rng(count)
    for index in range(count):
        pixels = random.integers(0, 256, (16, 16), np.uint8)
        Image.fromarray(pixels).save(folder / f"{index}.png")


def test_the_exceptions_are_commands_of_the_tutorial():
    assert set(FILLED_IN) <= set(COMMANDS)


def test_the_tutorial_shows_pictures_that_are_there():
    shown = re.findall(r"!\[.*?\]\((.*?)\)", TUTORIAL)
    assert shown
    assert [name for name in shown if not (ROOT / "docs" / name).is_file()] == []


def test_from_a_folder_of_pictures_to_a_shared_result(reader: Project):
    draw(reader.path / "pictures/tabby", 40)
    draw(reader.path / "pictures/black", 30)
    for command in COMMANDS:
        reader.run("bash", "-c", FILLED_IN.get(command, command))
    for name in ("cats", "cats_seed1"):
        made = {file.name for file in (reader.path / "results" / name).glob("*.png")}
        assert {"grid.png", "sheet.png", "curves.png", "progress.png"} <= made
        assert f"| {name} " in (reader.path / "results/table.md").read_text()
    assert "Cached" not in reader.run("dvc", "status")  # both engines agree: nothing is left to do
    assert (reader.path / "results/cats/sheet.pdf").is_file()
