"""Pictures inside a page: as they are while they fit, smaller where there are many."""

import base64
import hashlib
import io
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from PIL import Image, UnidentifiedImageError

from pipeline.io.files import write_bytes

CACHE = Path(".dvc/tmp/page")  # smaller versions that were made before
EDGES = (1200, 800, 560)  # longest edge in pixels, tried in this order
LEAST_BYTES = 6_000  # below that no picture says anything


@dataclass(frozen=True)
class Picture:
    """A picture and its size on the page; `uri` holds all of its bytes."""

    uri: str
    width: int
    height: int


def fitted(paths: Iterable[Path], most_bytes: int) -> dict[Path, Picture]:
    """Each picture that is there and readable, all of them within `most_bytes` of HTML.

    Small ones stay as they are; larger ones share what is left, as WebP. Pictures that cannot get
    LEAST_BYTES each are left out, the last ones first.
    """
    sizes = {path: path.stat().st_size for path in paths if path.is_file()}
    room = most_bytes * 3 // 4  # base64 takes four characters for three bytes
    while sizes and sum(min(size, LEAST_BYTES) for size in sizes.values()) > room:
        sizes.popitem()
    share = fair_share(list(sizes.values()), room)
    found = {}
    for path, size in sizes.items():
        content = path.read_bytes() if size <= share else smaller(path.read_bytes(), share)
        if content and (picture := shown(content)):
            found[path] = picture
    return found


def fair_share(sizes: list[int], room: int) -> int:
    """The largest size such that all of `sizes`, cut to it, fit into `room`."""
    left, count = room, len(sizes)
    for size in sorted(sizes):
        if size * count > left:
            return left // count
        left, count = left - size, count - 1
    return max(sizes, default=0)


def smaller(content: bytes, most_bytes: int) -> bytes | None:
    """The picture as WebP of at most `most_bytes`; None if it cannot be read or is too rich for that."""
    name = hashlib.sha256(content).hexdigest()[:24]
    for edge in EDGES:
        kept = CACHE / f"{name}-{edge}.webp"
        if not kept.is_file():
            try:
                with Image.open(io.BytesIO(content)) as whole:
                    picture = whole.convert("RGB")
                    picture.thumbnail((edge, edge))
            except (OSError, UnidentifiedImageError):
                return None
            buffer = io.BytesIO()
            picture.save(buffer, format="webp", quality=75, method=1)
            write_bytes(kept, buffer.getvalue())
        if kept.stat().st_size <= most_bytes:
            return kept.read_bytes()
    return None


def shown(content: bytes) -> Picture | None:
    """The picture as a data: address; None if it is damaged."""
    try:
        with Image.open(io.BytesIO(content)) as picture:
            kind, (width, height) = (picture.format or "png").lower(), picture.size
    except (OSError, UnidentifiedImageError):
        return None
    encoded = base64.b64encode(content).decode()
    return Picture(f"data:image/{kind};base64,{encoded}", width, height)
