"""Files between stages, of sources, and checkpoints: cut, with flipped bits, replaced by something else."""

import gzip
import hashlib
import io
import os
import pickle
import tarfile
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image

from pipeline.config.datasets import Folder
from pipeline.engine.by_hand import other_inputs
from pipeline.models.common import checkpoints
from pipeline.sources import folder as pictures
from pipeline.sources import idx, packages
from pipeline.sources.raw import delivered
from tests.campaign.attack import Attack
from tests.io.damage import damaged
from tests.io.test_damaged import READERS
from tests.models.common.test_checkpoints import Part

COUNT = 150  # cuts, and as many flipped bits, of each kind of file


def attacks(folder: Path) -> Iterator[Attack]:
    yield from of_stages(folder)
    yield from of_pictures(folder)
    yield from of_packages(folder)
    yield from of_checkpoints(folder)


def of_stages(folder: Path) -> Iterator[Attack]:
    """What a stage run by hand does: compare with dvc.lock, then read."""
    os.chdir(folder)
    (folder / "dvc.yaml").write_text("stages: {read: {cmd: read, deps: [data]}}\n")
    (folder / "params.yaml").write_text("runs: {}\n")
    (folder / "data").mkdir()
    for kind, (write, name, read) in READERS.items():
        path = Path("data") / name
        write(path)
        whole, original = path.read_bytes(), fingerprint(read(path))
        md5 = hashlib.md5(whole, usedforsecurity=False).hexdigest()
        Path("dvc.lock").write_text(f"stages: {{make: {{outs: [{{path: {path}, md5: {md5}}}]}}}}\n")
        for what, content in damaged(whole, COUNT):

            def act(path=path, content=content, read=read):
                path.write_bytes(content)
                return str(path) in other_inputs("read", None), fingerprint(read(path))

            yield Attack(
                f"{kind}, {what}",
                act,
                (str(path),),
                lambda found, original=original: found[0] or found[1] == original,
                (folder,),
                (folder / path,),
            )
        path.unlink()


def fingerprint(content: Any) -> bytes:
    """The same for the same content, of whatever a reader returns."""
    if isinstance(content, dict):
        parts = [key.encode() + fingerprint(content[key]) for key in sorted(content)]
        return b"".join(parts)
    if isinstance(content, torch.Tensor):
        content = content.numpy()
    if isinstance(content, np.ndarray):
        return f"{content.dtype.str}{content.shape}".encode() + content.tobytes()
    return repr(sorted(content) if isinstance(content, set) else content).encode()


def of_pictures(folder: Path) -> Iterator[Attack]:
    noise = np.random.default_rng(0).integers(0, 256, (12, 9, 3), np.uint8)
    settings = Folder(name="folder", path=str(folder), height=8, width=8)
    for suffix in ("png", "jpg", "gif", "bmp", "tif", "webp", "ppm"):
        path = folder / f"picture.{suffix}"
        Image.fromarray(noise).save(path)
        for what, content in damaged(path.read_bytes(), COUNT):

            def act(path=path, content=content):
                path.write_bytes(content)
                return pictures.read_each([path], lambda file: pictures.read(file, settings))[0]

            # which picture it is the digest of the folder says: download refuses any other
            yield Attack(
                f"{suffix}, {what}",
                act,
                (path.name,),
                lambda read: read.shape == (8, 8, 3) and read.dtype == np.uint8,
                (folder,),
                (path,),
            )
        path.unlink()


def archives() -> dict[str, tuple[bytes, Callable[[Path], Any]]]:
    """Name -> content and reader, of what package registries and mirrors deliver."""
    array = np.arange(60, dtype=np.uint8).reshape(5, 3, 4)
    plain = idx.format_idx(array)
    zipped, tarred = io.BytesIO(), io.BytesIO()
    with zipfile.ZipFile(zipped, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("a/images", plain)
    with tarfile.open(fileobj=tarred, mode="w:gz") as archive:
        entry = tarfile.TarInfo("a/images")
        entry.size = len(plain)
        archive.addfile(entry, io.BytesIO(plain))
    pickled = pickle.dumps({"images": array.astype("f4")}, protocol=2)
    return {
        "images.gz": (gzip.compress(plain), lambda p: idx.parse_idx(packages.gunzip("images", p.read_bytes()))),
        "images": (plain, lambda p: idx.parse_idx(p.read_bytes())),
        "a.zip": (zipped.getvalue(), lambda p: packages.member(p.parent, "a/images")),
        "a.tgz": (tarred.getvalue(), lambda p: packages.member(p.parent, "a/images")),
        "a.pkl": (pickled, lambda p: packages.restricted_pickle("a.pkl", p.read_bytes(), "latin1")),
    }  # fmt: skip


def of_packages(folder: Path) -> Iterator[Attack]:
    """Whatever is delivered is compared with its published SHA-256 afterwards; here that it can be."""
    place = folder / "package"
    place.mkdir()
    for name, (whole, read) in archives().items():
        path = place / name
        for what, content in damaged(whole, COUNT):

            def act(path=path, content=content, read=read):
                path.write_bytes(content)
                return delivered(lambda: read(path))

            yield Attack(
                f"{name}, {what}", act, (name, "images", "delivered", "IDX file"), written=(path,)
            )
        path.unlink()


def of_checkpoints(folder: Path) -> Iterator[Attack]:
    """A training goes on from the one before, or from the start; never from a damaged one."""
    place = folder / "checkpoints" / "abc"
    path = place / "checkpoint.pt"
    for step in (1.0, 2.0):
        checkpoints.save(path, {"training": Part(step)})
    whole = path.read_bytes()
    before = checkpoints.one_before(path).read_bytes()
    for what, content in damaged(whole, COUNT):

        def act(content=content):
            path.write_bytes(content)
            checkpoints.one_before(path).write_bytes(before)
            part = Part()
            checkpoints.restore(path, {"training": part}, lambda said: None)
            return part.state["step"], part.state["weights"]

        yield Attack(
            f"checkpoint, {what}",
            act,
            (path.name,),
            lambda found: found[0] == 1 and torch.equal(found[1], torch.full((64,), 1.0)),
        )
