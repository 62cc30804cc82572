"""What every source returns, and the search through the places that offer it."""

import hashlib
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from pipeline.errors import PipelineError, SourceError

TRAIN, TEST, VALID, UNUSED = range(4)
Places = dict[str, Callable[[], dict[str, bytes]]]  # that offer the files of a dataset


@dataclass(frozen=True, kw_only=True)
class Raw:
    """A dataset as it was published.

    images: uint8 [N, H, W, C] (float32 in [-1, 1] for point sets, [N, 1, 1, dims]);
    labels: int64 [N], -1 where there is none; split: uint8 [N], TRAIN, TEST, VALID or UNUSED (VALID
    only where the publisher says which images validate);
    class_names: of the labels, from 0; empty where they have none;
    folds: uint8 [N, folds] of other splits, 0 unlabeled, 1 train, 2 valid, 3 test, if there are any;
    provenance: where the bytes came from and their SHA-256.
    """

    images: np.ndarray
    labels: np.ndarray
    split: np.ndarray
    class_names: tuple[str, ...] = ()
    folds: np.ndarray | None = None
    provenance: dict = field(default_factory=dict)


class Unavailable(Exception):
    """A place did not deliver; the message is one line."""


def verified(files: dict[str, bytes], digests: dict[str, str]) -> dict[str, bytes]:
    """`files`, if each has its published digest, SHA-256 or, of 32 hex digits, MD5; Unavailable names the first
    that has not."""
    for name, content in files.items():
        kind = kind_of(digests[name])
        found = hashlib.new(kind, content, usedforsecurity=False).hexdigest()
        if found != digests[name]:
            raise Unavailable(
                f"delivered a wrong {name} ({len(content):,} bytes, {SPELLED[kind]} {found[:12]}..., "
                f"expected {digests[name][:12]}...)"
            )
    return files


SPELLED = {"md5": "MD5", "sha256": "SHA-256"}


def kind_of(digest: str) -> str:
    """md5 or sha256, by the number of hex digits."""
    return "md5" if len(digest) == 32 else "sha256"


def with_sha256(files: dict[str, bytes], digests: dict[str, str]) -> dict:
    """Provenance of `files` whose publisher gives MD5 alone: these, and the SHA-256 of what came."""
    return {
        "md5": digests,
        "sha256": {name: hashlib.sha256(content).hexdigest() for name, content in files.items()},
    }


def with_local(local: str | None, names: Sequence[str], places: Places) -> Places:
    """`places`, after the folder `local`, if there is one, with files of all `names`."""
    if local is None:
        return places
    folder = Path(local)

    def files() -> dict[str, bytes]:
        missing = [name for name in names if not (folder / name).is_file()]
        if missing:
            raise Unavailable(f"has no {missing[0]}")
        return {name: (folder / name).read_bytes() for name in names}

    return {f"local folder {folder}": files} | places


def delivered(fetch: Callable[[], dict[str, bytes]]) -> dict[str, bytes]:
    """What a place delivers; Unavailable also where it delivers something of another form than expected.

    Nothing is verified before it is brought into the published form, so that this step meets whatever a
    place or a disk has made of it.
    """
    try:
        return fetch()
    except Exception as error:
        if isinstance(error, Unavailable | PipelineError):
            raise
        said = f"{type(error).__name__}: {error}".splitlines()[0][:200]
        raise Unavailable(f"delivered something that cannot be read ({said})") from None


def first_available(
    dataset: str,
    places: Places,
    digests: dict[str, str],
    wanted: str,
) -> dict[str, bytes]:
    """Verified files of the first of `places` that delivers; one line on stderr for each tried. Which place
    it was is said there only: results must not depend on it.

    SourceError if none does; `wanted`: the files to get by other means, for its message.
    """
    reasons = []
    kinds = " and ".join(sorted({SPELLED[kind_of(digest)] for digest in digests.values()}))
    for place, fetch in places.items():
        try:
            files = verified(delivered(fetch), digests)
        except Unavailable as reason:
            reasons.append(f"{place}: {reason}")
            print(f"download {dataset}: {reasons[-1]}", file=sys.stderr)
            continue
        print(
            f"download {dataset}: {place}: verified {', '.join(files)} by {kinds}"
            if len(files) == 1
            else f"download {dataset}: {place}: verified {len(files)} files by {kinds}",
            file=sys.stderr,
        )
        return files
    raise SourceError(
        f"no source delivered {dataset}:\n  "
        + "\n  ".join(reasons)
        + f"\nGet {wanted} by other means, put it in a folder, and set source.local of the dataset in "
        "params.yaml to that folder."
    )
