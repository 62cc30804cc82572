"""Damaged versions of a file's bytes, the same on every call, for the tests of all readers."""

import random
from collections.abc import Iterator


def damaged(content: bytes, count: int = 40) -> Iterator[tuple[str, bytes]]:
    """Name and bytes: `count` cuts, `count` flipped bytes (most of them near the start), and foreign contents."""
    chance = random.Random(0)
    size = len(content)
    for _ in range(count):
        end = chance.randrange(size)
        yield f"cut to {end} bytes", content[:end]
    for _ in range(count):
        place = chance.randrange(min(size, 400) if chance.random() < 0.7 else size)
        flipped = content[place] ^ (1 << chance.randrange(8))
        yield (
            f"byte {place} flipped to {flipped}",
            content[:place] + bytes([flipped]) + content[place + 1 :],
        )
    yield "empty", b""
    yield "text", b"<html>404 not found</html>"
    yield "zeros", bytes(64)
    yield "bytes of value 255", b"\xff" * 64
    yield "brackets without end", b"[" * 100_000
