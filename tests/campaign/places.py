"""Paths to read from and to write to that are folders, links to nowhere, loops, devices, or too long."""

import itertools
import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
from PIL import Image

from tests.campaign.attack import Attack, command
from tests.conftest import ROOT

QUICK = ROOT / "recipes/quick.yaml"


def link(path: Path, target: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.symlink_to(target)


# name -> what stands at the place; the path to use is `place`, or below it
PLACES: dict[str, Callable[[Path], Path]] = {
    "nothing": lambda place: place,
    "no such folder": lambda place: place / "a/b/c.yaml",
    "a folder": lambda place: (place.mkdir(parents=True), place)[1],
    "a file in the way": lambda place: (place.write_text("x"), place / "a.yaml")[1],
    "a loop": lambda place: (link(place, place.name), place)[1],
    "below a loop": lambda place: (link(place, place.name), place / "a.yaml")[1],
    "a link to nowhere": lambda place: (link(place, "nowhere/at/all"), place)[1],
    "a long name": lambda place: place.with_name("n" * 250 + ".yaml"),
    "a long path": lambda place: place.joinpath(*["d" * 200] * 30, "a.yaml"),
    "spaces and quotes": lambda place: place / "a 'b' \"c\" $d;e.yaml",
    "a new line": lambda place: place / "a\nb.yaml",
    "braces": lambda place: place / "{a}{}.yaml",
    "an accent": lambda place: place / "é\u0301.yaml",
    "no UTF-8": lambda place: place / "a\udcff.yaml",
    "a full device": lambda place: Path("/dev/full"),
    "a pipe": lambda place: (os.mkfifo(place), place)[1],
    "the kernel's": lambda place: Path("/proc/version"),
    "no place for files": lambda place: Path("/proc/a.yaml"),
}


def commands(path: Path, folder: Path) -> dict[str, tuple[str, ...]]:
    """Name -> arguments, of every command that takes a path."""
    array = str(folder / "good.npy")
    good = ("--samples", array, "--valid", array, "--test", array)
    return {
        "check --file": ("check", "--file", str(path)),
        "check --out": ("check", "--file", str(QUICK), "--out", str(path)),
        "upgrade --file": ("upgrade", "--file", str(path)),
        "sweep --file": ("sweep", "line", "seed=0,1", "--file", str(path)),
        "sweep --in-full": ("sweep", "--in-full", "--file", str(path)),
        "new --file": ("new", "cats", "--folder", str(folder / "pictures"), "--file", str(path)),
        "new --folder": ("new", "cats", "--folder", str(path), "--file", str(folder / "copy.yaml")),
        "score --samples": ("score", "--samples", str(path), "--valid", array, "--test", array),
        "score --test": ("score", "--samples", array, "--valid", array, "--test", str(path)),
        "score --out": ("score", *good, "--out", str(path)),
    }


def prepared(folder: Path) -> Path:
    """Good files, beside which the odd place is."""
    shutil.rmtree(folder, ignore_errors=True)
    (folder / "pictures").mkdir(parents=True)
    for shade in range(40):
        Image.new("L", (8, 8), 6 * shade).save(folder / f"pictures/{shade}.png")
    np.save(folder / "good.npy", np.random.default_rng(0).uniform(0, 1, (12, 1, 4, 4)))
    shutil.copy(QUICK, folder / "copy.yaml")
    return folder


def attacks(folder: Path) -> Iterator[Attack]:
    inside = folder / "files"
    prepared(inside)
    for place, name in itertools.product(PLACES, commands(Path(), inside)):
        if place != "a pipe" or name.endswith("--out"):  # a reader waits for its writer
            yield one(folder, inside, place, name)


def one(folder: Path, inside: Path, place: str, name: str) -> Attack:
    spot = folder / "spot"

    def act() -> tuple[str, str]:
        if spot.is_dir() and not spot.is_symlink():
            shutil.rmtree(spot)
        else:
            spot.unlink(missing_ok=True)
        shutil.copy(QUICK, inside / "copy.yaml")
        path = PLACES[place](spot)
        return command(*commands(path, inside)[name])

    # what it says of a name that cannot be printed may hold it in quotes, or only its folder
    return Attack(
        f"{name} {place}",
        act,
        ("spot", "/dev/", "/proc/", "n" * 200),
        folders=(inside,),
        written=(inside / "copy.yaml",),
    )
