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
    """The tensors `names` (all when None) of `path`."""
    try:
        with safe_open(existing(path), framework="pt") as file:
            return {name: file.get_tensor(name) for name in names or file.keys()}
    except SafetensorError as error:
        raise DataError(
            f"{path}: not a whole .safetensors file, or without {names} ({error}). "
            f"Restore it with: dvc checkout {path}, or make it again with: dvc repro"
        ) from None


def tensor_names(path: Path) -> set[str]:
    with safe_open(existing(path), framework="pt") as file:
        return set(file.keys())


def read_about(path: Path) -> dict[str, Any]:
    """What its writer kept beside the tensors."""
    with safe_open(existing(path), framework="pt") as file:
        return json.loads((file.metadata() or {}).get("about", "{}"))


def write_model(path: Path, weights: dict[str, Tensor], about: dict[str, Any]) -> None:
    """Weights with `about` as metadata, under one key: the format keeps no order among several."""
    write_bytes(path, save(weights, metadata={"about": json.dumps(about)}))
