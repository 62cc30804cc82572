"""Whole numbers from environment variables, which anybody may have set to anything."""

import os

from pipeline.errors import PipelineError


def whole(name: str, default: int) -> int:
    """The variable `name`, `default` if it is not set or empty; PipelineError unless a number from 0 on."""
    text = os.environ.get(name, "").strip()
    if not text:
        return default
    if not (text.isascii() and text.isdecimal() and len(text) < 10):
        raise PipelineError(
            f"the environment variable {name} is {text[:40]!r}, expected a number from 0 on. The pipeline sets it by "
            f"itself; remove yours with: unset {name}"
        )
    return int(text)
