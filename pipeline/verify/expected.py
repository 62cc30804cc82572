"""What is recorded of a recipe, a file for each kind of processor: expected/RECIPE/KIND.json."""

import hashlib
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from pipeline.io import machine
from pipeline.io.files import read_json, reading, write_json
from pipeline.verify import kinds
from pipeline.verify.content import Content

FOLDER = Path("expected")


@dataclass(frozen=True)
class Expected:
    """The outputs of a recipe, and what they came from."""

    kind: str  # of processor
    processor: str
    commit: str
    settings: str  # SHA-256 of the recipe
    versions: dict[str, str]
    outputs: dict[str, Content]  # path below the project's folder


def made_here(kind: str, commit: str, recipe: Path, outputs: dict[str, Content]) -> Expected:
    return Expected(kind, machine.processor(), commit, digest(recipe), kinds.versions(), outputs)


def digest(recipe: Path) -> str:
    return hashlib.sha256(recipe.read_bytes()).hexdigest()


def place(recipe: str, kind: str) -> Path:
    return FOLDER / recipe / f"{kind}.json"


def write(path: Path, expected: Expected) -> None:
    write_json(path, asdict(expected))


def read(path: Path) -> Expected:
    """DataError if the file is missing or damaged."""
    content: dict[str, Any] = read_json(path)
    with reading(path, "list of expected outputs", next_step=f"Take Git's: git checkout {path}"):
        outputs = {name: Content(**each) for name, each in content.pop("outputs").items()}
        return Expected(**content, outputs=outputs)


def recorded(recipe: str) -> dict[str, Path]:
    """Kind of processor -> file."""
    return {path.stem: path for path in sorted((FOLDER / recipe).glob("*.json"))}
