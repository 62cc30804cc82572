"""The user's own images in one file: what is read, and what is refused, in one line, before it can do harm."""

import io
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import ImageFile

from pipeline.config.datasets import Npz, Parquet, Zip
from pipeline.errors import SourceError
from pipeline.sources import npz, parquet, zipped
from pipeline.stages import download
from tests.io.damage import damaged
from tests.sources.one_file import (
    COUNT,
    IMAGES,
    LABELS,
    entries,
    png,
    write_parquet,
    write_zip,
    written,
)

KINDS: dict[str, tuple[type, Any]] = {
    "zip": (Zip, zipped),
    "npz": (Npz, npz),
    "parquet": (Parquet, parquet),
}


def settings(kind: str, path: Path, **more: Any) -> Any:
    return KINDS[kind][0](name=kind, path=str(path), **({"height": 8, "width": 6} | more))


def fetched(kind: str, path: Path, **more: Any):
    """With the digest of what is there, as `--accept` writes it."""
    digest, _ = KINDS[kind][1].found(settings(kind, path, **more))
    return KINDS[kind][1].fetch(settings(kind, path, digest=digest, **more), "mine")


@pytest.mark.parametrize("kind", KINDS)
def test_every_image_comes_with_its_label(kind, tmp_path):
    raw = fetched(kind, written(kind, tmp_path))
    pairs = {(i.tobytes(), int(k)) for i, k in zip(raw.images, raw.labels, strict=True)}
    assert pairs == {(i.tobytes(), int(k)) for i, k in zip(IMAGES, LABELS, strict=True)}
    assert raw.images.shape == (COUNT, 8, 6, 3) and raw.images.dtype == np.uint8
    assert raw.labels.dtype == np.int64
    assert np.bincount(raw.split).tolist() == [18, 2]
    ((_, sha256),) = raw.provenance["sha256"].items()
    assert len(sha256) == 64
    assert raw.class_names == (("a", "b", "c", "d") if kind == "parquet" else ())
    assert set(fetched(kind, written(kind, tmp_path, labels=None)).labels) == {-1}


@pytest.mark.parametrize("kind", KINDS)
def test_the_stage_writes_it_once_its_digest_is_accepted(kind, tmp_path):
    path = written(kind, tmp_path)
    source = settings(kind, path)
    with pytest.raises(
        SourceError, match=r"asks for none yet.*\n.*download mine --accept"
    ) as error:
        download.run(source, tmp_path / "mine.npz", tmp_path / "mine.json")
    digest = KINDS[kind][1].found(source)[0]
    assert digest in str(error.value)
    download.run(settings(kind, path, digest=digest), tmp_path / "mine.npz", tmp_path / "mine.json")
    about = json.loads((tmp_path / "mine.json").read_text())
    assert (about["train"], about["test"], about["licence"]) == (18, 2, "not stated")


@pytest.mark.parametrize("kind", KINDS)
def test_another_size_is_refused_in_one_line(kind, tmp_path):
    with pytest.raises(SourceError, match=r"has 8 x 6 pixels, but params.yaml says 6 x 8") as error:
        fetched(kind, written(kind, tmp_path), height=6, width=8)
    assert len(str(error.value).splitlines()) == 1


def test_mixed_sizes_are_refused_by_the_name_of_the_picture(tmp_path):
    mixed = entries() | {"00000/img00000007.png": png(np.zeros((9, 6, 3), np.uint8))}
    write_zip(tmp_path / "a.zip", mixed)
    with pytest.raises(SourceError, match=r"a\.zip: 00000/img00000007\.png has 9 x 6 pixels"):
        fetched("zip", tmp_path / "a.zip")


def test_a_picture_that_cannot_be_read_is_named(tmp_path):
    broken = png(IMAGES[0])[:60]
    write_zip(tmp_path / "a.zip", entries() | {"00000/img00000003.png": broken})
    with pytest.raises(
        SourceError, match=r"a\.zip: 00000/img00000003\.png: cannot be read as a pic"
    ):
        fetched("zip", tmp_path / "a.zip")
    pictures = [png(image) for image in IMAGES[:5]] + [broken]
    write_parquet(tmp_path / "a.parquet", IMAGES[:6], LABELS[:6], img=pictures)
    with pytest.raises(SourceError, match=r"a\.parquet: row 5: cannot be read as a picture"):
        fetched("parquet", tmp_path / "a.parquet", image_column="img")


@pytest.mark.parametrize("kind", KINDS)
def test_labels_that_are_no_classes_are_refused(kind, tmp_path):
    for labels in (LABELS - 1, LABELS + COUNT):
        with pytest.raises(SourceError, match="each needs one label, an integer from 0 to 19"):
            fetched(kind, written(kind, tmp_path, labels=labels))


@pytest.mark.parametrize("kind", KINDS)
def test_damaged_files_are_refused_in_one_line_or_read_whole(kind, tmp_path):
    content = written(kind, tmp_path, images=IMAGES[:4], labels=LABELS[:4]).read_bytes()
    path, refused = tmp_path / f"bad.{kind}", 0
    for _, bad in damaged(content, 20):
        path.write_bytes(bad)
        try:
            assert fetched(kind, path).images.shape == (4, 8, 6, 3)
        except SourceError as error:
            assert len(str(error).splitlines()) == 1 and str(path) in str(error)
            refused += 1
    assert refused > 15


@pytest.mark.parametrize(
    "name", ["../out.png", "/etc/out.png", "a/../../out.png", "..\\out.png", "C:/x.png"]
)
def test_a_name_that_points_out_of_the_zip_is_refused(name, tmp_path):
    write_zip(tmp_path / "a.zip", entries() | {name: png(IMAGES[0])})
    with pytest.raises(SourceError, match="points out of the archive"):
        fetched("zip", tmp_path / "a.zip")


def test_what_unpacks_without_end_is_refused_before_it_is_unpacked(tmp_path, monkeypatch):
    write_zip(tmp_path / "a.zip", entries() | {"bomb.bin": bytes(2**26 + 1)})
    with pytest.raises(SourceError, match=r"bomb\.bin unpacks to 67,108,865 bytes"):
        fetched("zip", tmp_path / "a.zip")

    # an array whose header promises 2^40 images
    header = io.BytesIO()
    fields = {"descr": "|u1", "fortran_order": False, "shape": (2**40, 8, 6, 3)}
    np.lib.format.write_array_header_1_0(header, fields)
    write_zip(tmp_path / "a.npz", {"images.npy": header.getvalue()})
    with pytest.raises(SourceError, match=r"1,099,511,627,776 images .* take more than 32 GiB"):
        fetched("npz", tmp_path / "a.npz")
    images = io.BytesIO()
    np.save(images, IMAGES)
    parts = {"images.npy": images.getvalue(), "labels.npy": header.getvalue()}
    write_zip(tmp_path / "a.npz", parts)
    with pytest.raises(SourceError, match=r"labels \[1099511627776, 8, 6, 3\] of uint8 for 20"):
        fetched("npz", tmp_path / "a.npz")

    # a picture that is small in the file
    flat = png(np.zeros((5000, 5000), np.uint8))
    write_zip(tmp_path / "b.zip", {"0.png": flat} | entries(labels=None))
    monkeypatch.setattr(ImageFile.ImageFile, "load", lambda *_: pytest.fail("it was decoded"))
    with pytest.raises(SourceError, match=r"0\.png has 5000 x 5000 pixels"):
        fetched("zip", tmp_path / "b.zip")


def test_objects_in_an_array_are_never_unpickled(tmp_path):
    class Harmful:
        def __reduce__(self):
            return (pytest.fail, ("it was unpickled",))

    np.savez(tmp_path / "a.npz", images=np.array([Harmful()] * 3, object))
    with pytest.raises(SourceError, match=r"expected uint8 images \[N, 8, 6, 3\], got object"):
        fetched("npz", tmp_path / "a.npz")
    np.savez(tmp_path / "a.npz", images=IMAGES, labels=np.array([Harmful()] * COUNT, object))
    with pytest.raises(SourceError, match=r"cannot be read as a \.npz archive"):
        fetched("npz", tmp_path / "a.npz")


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        ({"x": IMAGES}, r"holds \['x'\], but neither 'images' nor 'arr_0'"),
        ({"images": IMAGES / 255}, "expected uint8 images"),
        ({"images": IMAGES.transpose(0, 3, 1, 2)}, r"got uint8 \[20, 3, 8, 6\]"),
        ({"images": IMAGES[:1]}, "holds 1 images; two at least"),
    ],
)
def test_other_arrays_are_refused(content, expected, tmp_path):
    np.savez(tmp_path / "a.npz", **content)
    with pytest.raises(SourceError, match=expected):
        fetched("npz", tmp_path / "a.npz")


def test_arrays_without_names_and_grey_ones_are_read(tmp_path):
    np.savez(tmp_path / "a.npz", IMAGES[..., 0], LABELS)
    raw = fetched("npz", tmp_path / "a.npz", channels=1)
    assert raw.images.shape == (COUNT, 8, 6, 1) and set(raw.labels) == {0, 1, 2, 3}


def test_files_that_begin_with_test_hold_the_test_images(tmp_path):
    write_parquet(tmp_path / "train-00000-of-00001.parquet", IMAGES[:15], LABELS[:15])
    write_parquet(tmp_path / "test-00000-of-00001.parquet", IMAGES[15:], LABELS[15:])
    raw = fetched("parquet", tmp_path)
    tests = {image.tobytes() for image in raw.images[raw.split == 1]}
    assert tests == {image.tobytes() for image in IMAGES[15:]}


def test_columns_are_named_and_a_missing_one_is_said(tmp_path):
    path = tmp_path / "a.parquet"
    write_parquet(path, labels=None, img=[png(image) for image in IMAGES], fine=list(LABELS))
    raw = fetched("parquet", path, image_column="img", label_column="fine")
    assert set(raw.labels) == {0, 1, 2, 3}
    with pytest.raises(SourceError, match=r"no column 'picture', but \['image', 'img', 'fine'\]"):
        fetched("parquet", path, image_column="picture")
    with pytest.raises(SourceError, match="row 0: 'fine' holds no bytes of a picture"):
        fetched("parquet", path, image_column="fine")


def test_without_pyarrow_the_next_command_is_said(tmp_path, monkeypatch: pytest.MonkeyPatch):
    path = written("parquet", tmp_path)
    monkeypatch.setitem(__import__("sys").modules, "pyarrow", None)
    with pytest.raises(
        SourceError, match=r"not installed\. Next:\n  pip install -r requirements-parq"
    ):
        fetched("parquet", path)


@pytest.mark.parametrize("kind", KINDS)
def test_a_path_to_nothing_is_said(kind, tmp_path):
    with pytest.raises(SourceError, match=r"is no file\. Set the dataset's source.path"):
        fetched(kind, tmp_path / "nothing")


def test_hidden_files_in_a_zip_are_no_pictures(tmp_path):
    path = tmp_path / "images.zip"
    write_zip(path, entries() | {"__MACOSX/00000/._img00000000.png": b"about the picture"})
    assert len(fetched("zip", path).images) == COUNT
