"""Images in one file, as other projects' tools write them."""

import io
import json
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

COUNT = 20
IMAGES = np.random.default_rng(0).integers(0, 256, (COUNT, 8, 6, 3), np.uint8)
LABELS = np.arange(COUNT) % 4


def png(pixels: np.ndarray) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "png")
    return buffer.getvalue()


def write_zip(path: Path, entries: dict[str, bytes]) -> None:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as opened:
        for name, content in entries.items():
            opened.writestr(name, content)


def entries(images=IMAGES, labels: Any = LABELS) -> dict[str, bytes]:
    """In StyleGAN's layout."""
    names = [f"00000/img{index:08}.png" for index in range(len(images))]
    pairs = None if labels is None else [[n, int(k)] for n, k in zip(names, labels, strict=True)]
    pictures = {name: png(image) for name, image in zip(names, images, strict=True)}
    return pictures | {"dataset.json": json.dumps({"labels": pairs}).encode()}


def write_parquet(path: Path, images=IMAGES, labels: Any = LABELS, **more: Any) -> None:
    import pyarrow as pa
    import pyarrow.parquet

    rows: dict[str, Any] = {"image": [{"bytes": png(x), "path": None} for x in images]}
    if labels is not None:
        rows["label"] = [int(label) for label in labels]
    table = pa.table(rows | more)
    classes = {"_type": "ClassLabel", "names": ["a", "b", "c", "d"]}
    about = json.dumps({"info": {"features": {"label": classes}}}).encode()
    pa.parquet.write_table(table.replace_schema_metadata({"huggingface": about}), path)


def written(kind: str, folder: Path, images=IMAGES, labels: Any = LABELS) -> Path:
    path = folder / f"images.{kind}"
    if kind == "zip":
        write_zip(path, entries(images, labels))
    elif kind == "npz":
        np.savez(path, images=images, **({} if labels is None else {"labels": labels}))
    else:
        write_parquet(path, images, labels)
    return path
