"""Tensors of .safetensors files: read without copies, never unpickled."""

import json
from pathlib import Path
from typing import Any

from safetensors import safe_open
from safetensors.torch import save
from torch import Tensor

from pipeline.errors import DataError
from pipeline.io.files import Fields, existing, reading, write_bytes


def read_tensors(path: Path, names: list[str] | None = None) -> dict[str, Tensor]:
    """The tensors `names` (all when None) of `path`; DataError if the file or one of them is missing."""
    with (
        reading(existing(path), ".safetensors file"),
        safe_open(path, framework="pt") as file,
    ):
        return Fields(path, {name: file.get_tensor(name) for name in names or file.keys()})


def tensor_names(path: Path) -> set[str]:
    """Names of the tensors of `path`, read from its header alone."""
    with reading(existing(path), ".safetensors file"), safe_open(path, framework="pt") as file:
        return set(file.keys())


def read_about(path: Path) -> dict[str, Any]:
    """The metadata that the file's writer stored beside the tensors; {} if there are none."""
    with reading(existing(path), ".safetensors file"), safe_open(path, framework="pt") as file:
        about = json.loads(
            (file.metadata() or {}).get("about", "{}"),
            object_hook=lambda fields: Fields(path, fields),
        )
    if not isinstance(about, dict):
        raise DataError(
            f"{path}: its metadata are no table of names. Make it again with: dvc repro"
        )
    return about


def write_model(path: Path, weights: dict[str, Tensor], about: dict[str, Any]) -> None:
    """Write `weights` with `about` as metadata, under one key: the format does not keep the order of several."""
    write_bytes(path, save(weights, metadata={"about": json.dumps(about)}))
