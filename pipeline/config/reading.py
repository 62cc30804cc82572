"""Read a params file: whatever is wrong with the file itself is said in a few lines."""

import re
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

from pipeline.errors import ConfigError
from pipeline.io.nesting import check_nesting

# what ruamel.yaml raises for texts that are no YAML, besides errors of its own: for a date of month 13, an
# integer of 5,000 digits, a key that is a list, or thousands of brackets
BAD_TEXT = (
    YAMLError,
    ValueError,
    TypeError,
    LookupError,
    AttributeError,
    AssertionError,
    RecursionError,
)
MOST_LINES = 6  # of what ruamel.yaml says


def read_text(path: Path) -> str:
    """The text of the file; ConfigError if there is none, or it cannot be read."""
    if path.is_char_device() or path.is_block_device():  # some have no end
        raise ConfigError(f"{path} is a device; it must be a text file (YAML)")
    try:
        return path.read_text(encoding="utf-8")
    except FileNotFoundError:
        raise ConfigError(
            f"{path} is missing. Run this in the project's folder, or start from a recipe: "
            f"cp recipes/quick.yaml {path}"
        ) from None
    except IsADirectoryError:
        raise ConfigError(f"{path} is a folder; it must be a text file (YAML)") from None
    except UnicodeDecodeError as error:
        line = error.object[: error.start].count(b"\n") + 1
        raise ConfigError(
            f"{path} is not UTF-8 text: line {line} holds the byte 0x{error.object[error.start]:02x}. Save it "
            "as UTF-8 in your editor"
        ) from None
    except (OSError, ValueError) as error:
        why = error.strerror if isinstance(error, OSError) else str(error)
        raise ConfigError(f"{path} cannot be read: {why}") from None


def read_yaml(path: Path) -> Any:
    """What the file says, as DVC reads it; ConfigError if it cannot be read or is not YAML."""
    text = read_text(path)
    if re.search(r"^<{7} ", text, re.MULTILINE):
        raise ConfigError(
            f"{path} has merge markers (<<<<<<<). Choose a side, then: git add {path}"
        )
    try:
        check_nesting(text)
        content = YAML(typ="safe").load(text)
    except BAD_TEXT as error:
        raise ConfigError(f"{path} is not valid YAML.\n{_words(error)}") from None
    if contains_itself(content):
        raise ConfigError(
            f"{path} has a block that contains itself: an alias (*name) inside the block of its anchor (&name). "
            "Write that block out"
        )
    return content


def contains_itself(content: Any) -> bool:
    """Whether a dict or list in it is among its own contents, as an alias can make it."""
    entered: set[int] = set()  # blocks around the present one
    left: set[int] = set()  # seen in full
    stack = [(content, False)]
    while stack:
        block, done = stack.pop()
        if done:
            entered.discard(id(block))
            left.add(id(block))
        elif id(block) in entered:
            return True
        elif isinstance(block, dict | list) and id(block) not in left:
            entered.add(id(block))
            inner = block.values() if isinstance(block, dict) else block
            stack += [(block, True), *((each, False) for each in inner)]
    return False


def _words(error: BaseException) -> str:
    if isinstance(error, RecursionError):
        return "It is nested too deeply to be read."
    lines = [line for line in str(error).splitlines() if line.strip() and "http" not in line]
    return "\n".join(line[:200] for line in lines[:MOST_LINES]) or type(error).__name__
