"""Reads and writes files. A file appears under its name whole or not at all, even if the writer is killed."""

import errno
import glob
import json
import math
import os
import socket
import struct
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

from pipeline.errors import DataError, PipelineError

# imported where it is used: a Snakemake job writes dvc.lock through this module and needs no arrays
if TYPE_CHECKING:
    import numpy as np


@contextmanager
def atomic(path: Path) -> Iterator[BinaryIO]:
    """A binary file to write; it takes the name `path` when the block ends without an error.

    What an earlier writer of it on this machine left behind when it was killed is removed. OSError for a
    device or pipe, which would be replaced by a file.
    """
    if path.exists() and not (path.is_file() or path.is_dir()):
        raise OSError(errno.EINVAL, "A device or pipe, no place for a file", str(path))
    path.parent.mkdir(parents=True, exist_ok=True)
    here = f".{path.name}.{socket.gethostname()}-"
    for left in path.parent.glob(f"{glob.escape(here)}*.partial"):
        writer = left.name.removeprefix(here).removesuffix(".partial")
        if writer.isdecimal() and not is_running(int(writer)):
            left.unlink(missing_ok=True)
    partial = path.with_name(f"{here}{os.getpid()}.partial")
    try:
        with partial.open("wb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        os.replace(partial, path)
    finally:
        partial.unlink(missing_ok=True)


def is_running(process: int) -> bool:
    """Whether this machine has a process of that number."""
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except OSError:  # somebody else's
        pass
    return True


def write_bytes(path: Path, content: bytes) -> None:
    """Write `content` atomically; parent folders are created."""
    with atomic(path) as file:
        file.write(content)


def write_json(path: Path, content: Any) -> None:
    """Write `content` indented, keys in the order given, so that Git can compare two versions.

    ValueError for NaN or infinite numbers, which JSON has not.
    """
    write_bytes(path, (json.dumps(content, indent=2, allow_nan=False) + "\n").encode())


@contextmanager
def reading(
    path: Path, kind: str, wrong: type[PipelineError] = DataError, next_step: str = ""
) -> Iterator[None]:
    """Turn whatever a library raises on damaged bytes into one error, `wrong`, that names the file.

    Libraries raise dozens of types on such bytes, and add to them: all are caught. So the block holds the
    library's call and nothing of ours. `kind`: what the file should be; `next_step`: one sentence.
    """
    try:
        yield
    except PipelineError:
        raise
    except Exception as error:
        said = f"{type(error).__name__}: {error}".splitlines()[0][:200]
        step = next_step or (
            f"Restore it with: dvc checkout {path}, or make it again with: dvc repro"
        )
        raise wrong(f"{path}: cannot be read as a {kind} ({said}). {step}") from None


class Fields(dict):
    """A dictionary from a file; asking for a field that it lacks is a DataError that names the file."""

    def __init__(self, path: Path, fields: Any):
        super().__init__(fields)
        self.path = path

    def __missing__(self, name: str) -> None:
        raise DataError(
            f"{self.path}: has no {name!r}; another version of this project wrote it, or something else. "
            "Make it again with: dvc repro"
        )


def read_json(path: Path) -> Any:
    """The content of a JSON file, its objects as Fields; DataError if it is missing or damaged."""
    with reading(existing(path), "JSON file"):
        text = path.read_text(encoding="utf-8")
        return json.loads(text, object_hook=lambda fields: Fields(path, fields))


def write_npz(path: Path, **arrays: "np.ndarray") -> None:
    """Write named arrays atomically, uncompressed; arrays of Python objects are refused.

    The bytes are the same with every Python. Those of numpy.savez, which asks for 64-bit sizes whatever the size, are
    not: since 3.11.4 these are written in another way.
    """
    import zipfile

    import numpy as np

    with atomic(path) as file, zipfile.ZipFile(file, "w") as archive:
        for name, array in arrays.items():
            member = zipfile.ZipInfo(f"{name}.npy")  # of 1980, whenever it is written
            member.file_size = array.nbytes  # decides whether it takes 64 bits
            with archive.open(member, "w") as opened:
                np.lib.format.write_array(opened, array, allow_pickle=False)


def read_npz(path: Path) -> dict[str, "np.ndarray"]:
    """All arrays of a .npz file by name; DataError if it is missing or damaged. Nothing is unpickled."""
    import numpy as np

    with (
        reading(existing(path), ".npz file"),
        path.open("rb") as file,
        np.load(file, allow_pickle=False) as arrays,
    ):
        return Fields(path, arrays)


Blocks = tuple[str, tuple[int, ...], Iterator[bytes]]  # dtype, shape, the bytes in order

_SAFETENSORS_TYPES = {"float32": ("F32", 4), "int64": ("I64", 8)}  # and bytes of one number


def write_safetensors(path: Path, tensors: dict[str, Blocks], about: dict[str, Any]) -> None:
    """Stream `tensors` into a .safetensors file, with `about` as metadata unless it is empty.

    The library's own writer needs all tensors in memory at once, which doubles the memory of a dataset.
    """
    header: dict[str, Any] = {"__metadata__": {"about": json.dumps(about)}} if about else {}
    offset = 0
    for name, (dtype, shape, _) in tensors.items():
        kind, item_bytes = _SAFETENSORS_TYPES[dtype]
        size = math.prod(shape) * item_bytes
        header[name] = {
            "dtype": kind,
            "shape": list(shape),
            "data_offsets": [offset, offset + size],
        }
        offset += size
    encoded = json.dumps(header).encode()
    encoded += b" " * (-len(encoded) % 8)  # the data start on a multiple of 8
    with atomic(path) as file:
        file.write(struct.pack("<Q", len(encoded)))
        file.write(encoded)
        for _, _, blocks in tensors.values():
            for block in blocks:
                file.write(block)


def existing(path: Path) -> Path:
    """`path`, or DataError with the command that makes it."""
    if not path.is_file():
        pull = " (or fetch it with: dvc pull)" if has_data_remote() else ""
        raise DataError(f"{path} is missing. Make it with: dvc repro{pull}")
    return path


def has_data_remote() -> bool:
    """Whether DVC's settings, of the project or of this user, name a remote that results could be pulled from."""
    home = os.environ.get("XDG_CONFIG_HOME") or os.path.expanduser("~/.config")
    settings = (Path(".dvc/config"), Path(".dvc/config.local"), Path(home) / "dvc/config")
    return any(file.is_file() and b'remote "' in file.read_bytes() for file in settings)
