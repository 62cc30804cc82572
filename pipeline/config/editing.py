"""Lines of a params file, put in or taken out; every other byte stays.

ruamel.yaml says where a key stands. Its dump of a whole file is not used: it moves a comment that stands
behind an anchor, and breaks or joins long lines.
"""

import io
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.comments import CommentedMap

from pipeline.errors import ConfigError
from pipeline.io.files import write_bytes


def round_trip() -> YAML:
    """A reader and writer that keeps notation: 1e-3 stays 1e-3, {a: 1} stays in braces."""
    yaml = YAML()
    yaml.preserve_quotes = True
    yaml.width = 100_000  # never break a line
    return yaml


def plain(text: str) -> Any:
    """What `text` says, as DVC and the pipeline read it; every call gives new objects."""
    return YAML(typ="safe").load(text)


def write_text(path: Path, text: str, before: str) -> None:
    """Replace what the file holds by `text`, whose line ends become those of the file; a link stays one.

    ConfigError if it does not say what it said `before` any more: another process changed it.
    """
    former = path.read_bytes()
    if io.TextIOWrapper(io.BytesIO(former), encoding="utf-8").read() != before:
        raise ConfigError(
            f"{path} was changed by another program meanwhile; nothing is written. Call this again"
        )
    if b"\r\n" in former and former.count(b"\n") == former.count(b"\r\n"):
        text = text.replace("\n", "\r\n")
    write_bytes(path.resolve(), text.encode())


def own_keys(block: CommentedMap) -> dict[str, tuple[int, int]]:
    """Line and column, from 0, of every key that stands in `block` itself, not in one merged into it."""
    return {key: tuple(place[:2]) for key, place in (block.lc.data or {}).items()}


def end_of(lines: list[str], first: int, column: int) -> int:
    """The line after the block whose key stands in line `first` at `column`.

    Blank lines and comments after it belong to what follows, unless they are indented more than the key.
    """
    end = first + 1
    for number in range(first + 1, len(lines)):
        content = lines[number].lstrip()
        indent = len(lines[number]) - len(content)
        if content and indent <= column and not (content.startswith("- ") and indent == column):
            break
        if content:
            end = number + 1
    return end


def differing(one: Any, other: Any, where: str = "") -> list[str]:
    """Dotted paths of the values in which the two differ."""
    if not isinstance(one, dict) or not isinstance(other, dict):
        return [] if one == other else [where]
    keys = [*one, *(key for key in other if key not in one)]
    return [
        found
        for key in keys
        for found in differing(one.get(key), other.get(key), f"{where}.{key}".lstrip("."))
    ]
