"""Tensors of .safetensors files: read without copies, never unpickled."""

import json
from pathlib import Path
from typing import Any

from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor

from pipeline.errors import DataError
from pipeline.io.files import existing, write_bytes


def read_tensors(path: Path, names: list[str] | None = None) -> dict[str, Tensor]:
    """The tensors `names` (all when None) of `path`; DataError if the file or one of them is missing."""
    try:
        with safe_open(existing(path), framework="pt") as file:
            return {name: file.get_tensor(name) for name in names or file.keys()}
    except SafetensorError as error:
        raise DataError(
            f"{path}: not a whole .safetensors file, or without {names} ({error}). "
            f"Restore it with: dvc checkout {path}, or make it again with: dvc repro"
        ) from None


def tensor_names(path: Path) -> set[str]:
    """Names of the tensors of `path`, read from its header alone."""
    with safe_open(existing(path), framework="pt") as file:
        return set(file.keys())


def read_about(path: Path) -> dict[str, Any]:
    """The metadata that the file's writer stored beside the tensors; {} if there are none."""
    with safe_open(existing(path), framework="pt") as file:
        return json.loads((file.metadata() or {}).get("about", "{}"))


def write_model(path: Path, weights: dict[str, Tensor], about: dict[str, Any]) -> None:
    """Write `weights` with `about` as metadata, under one key: the format does not keep the order of several."""
    write_bytes(path, save(weights, metadata={"about": json.dumps(about)}))
