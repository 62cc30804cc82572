"""YAML that is nested too deeply: its readers, ruamel.yaml's and PyYAML's, crash the process on it."""

import re

MOST = 10_000  # levels; both readers survive twice as many
BRACKETS = re.compile(rb"[][{}]")


def check_nesting(content: str | bytes) -> None:
    """ValueError if `content` may be nested more than MOST levels deep. Call it before a YAML reader."""
    text = content.encode("utf-8", "replace") if isinstance(content, str) else content
    deep = text.count(b"[") + text.count(b"{") > MOST and in_brackets(text) > MOST
    if deep or any(
        len(line) > MOST and line.count(b"- ") + line.count(b"? ") > MOST
        for line in text.splitlines()
    ):
        raise ValueError(f"nested more than {MOST:,} levels deep")


def in_brackets(text: bytes) -> int:
    """How many brackets are open at a time, at most."""
    depth = most = 0
    for found in BRACKETS.finditer(text):
        depth = depth + 1 if found[0] in b"[{" else max(0, depth - 1)
        most = max(most, depth)
    return most
