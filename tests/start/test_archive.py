"""From one file of pictures to settings that fit, and what is said of a file that does not."""

import io
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from pipeline.cli import main
from pipeline.config.notes import notes
from pipeline.config.params import load
from tests.sources.one_file import entries, png, write_parquet, write_zip, written

IMAGES = np.random.default_rng(1).integers(0, 256, (80, 16, 20, 3), np.uint8)
GREY = np.repeat(IMAGES[..., :1], 3, axis=3)
LABELS = np.arange(80) % 4


def new(path: Path | str, *more: str) -> int:
    return main(["new", "cats", "--archive", str(path), *more])


@pytest.mark.parametrize("labels", [LABELS, None], ids=["classes", "one class"])
@pytest.mark.parametrize("kind", ["zip", "npz", "parquet"])
def test_size_colours_and_classes_are_seen_and_the_digest_is_taken(here, capsys, kind, labels):
    path = written(kind, here, IMAGES, labels)
    assert new(path.name) == 0
    classes = "one class" if labels is None else "4 classes"
    said = capsys.readouterr().out
    assert f"80 pictures in colour, {classes}: 64 to train on, 8 to validate, 8 to test" in said
    content = load(here / "params.yaml")
    source, run = content.datasets["cats"].source, content.runs["cats"]
    assert source.name == kind
    assert (source.height, source.width, source.channels) == (16, 20, 3)
    assert (run.train.conditional is None) == (labels is None)
    assert notes(content) == []
    assert main(["download", "cats"]) == 0 and main(["normalize", "cats"]) == 0


@pytest.mark.parametrize("kind", ["zip", "parquet"])
def test_grey_pictures_in_colour_files_are_grey(here, kind):
    assert new(written(kind, here, GREY, LABELS)) == 0
    assert load(here / "params.yaml").datasets["cats"].source.channels == 1
    assert main(["download", "cats"]) == 0


def test_a_folder_of_parquet_files_says_by_their_names_what_tests(here, capsys):
    (here / "cats").mkdir()
    write_parquet(here / "cats/train-0.parquet", IMAGES[:65], LABELS[:65])
    write_parquet(here / "cats/test-0.parquet", IMAGES[65:], LABELS[65:])
    assert new("cats") == 0
    said = capsys.readouterr().out
    assert "80 pictures in colour, 4 classes: 57 to train on, 8 to validate, 15 to test" in said
    assert main(["download", "cats"]) == 0 and main(["normalize", "cats"]) == 0
    with np.load(here / "data/raw/cats.npz") as raw:
        assert np.count_nonzero(raw["split"]) == 15


def test_few_pictures_beside_many_that_test_are_refused(here, capsys):
    (here / "cats").mkdir()
    write_parquet(here / "cats/train-0.parquet", IMAGES[:45], LABELS[:45])
    write_parquet(here / "cats/test-0.parquet", IMAGES[45:], LABELS[45:])
    assert new("cats") == 1
    assert "35 of which test by the names of their files" in capsys.readouterr().err


def test_few_pictures_that_test_are_refused(assert_refused, here):
    """The stage metrics would refuse them after the training."""
    (here / "cats").mkdir()
    write_parquet(here / "cats/train-0.parquet", IMAGES[:75], LABELS[:75])
    write_parquet(here / "cats/test-0.parquet", IMAGES[75:], LABELS[75:])
    assert_refused(lambda: new("cats"), "5 of which test", "6 or more are needed")


def test_colours_behind_many_grey_pictures_are_seen(here):
    """Of 60 files without colours; the first 50 of the others are opened."""
    grey = {f"0{index:02}.png": png(image) for index, image in enumerate(IMAGES[:60, ..., 0])}
    coloured = {f"1{index:02}.png": png(image) for index, image in enumerate(IMAGES[60:])}
    write_zip(here / "a.zip", grey | coloured)
    assert new("a.zip") == 0
    assert load(here / "params.yaml").datasets["cats"].source.channels == 3


def test_pictures_on_their_side_have_their_upright_size(here):
    exif = Image.Exif()
    exif[0x0112] = 6
    pictures = {}
    for index, image in enumerate(IMAGES):
        buffer = io.BytesIO()
        Image.fromarray(image).save(buffer, "jpeg", exif=exif)
        pictures[f"{index}.jpg"] = buffer.getvalue()
    write_zip(here / "a.zip", pictures)
    assert new("a.zip") == 0
    source = load(here / "params.yaml").datasets["cats"].source
    assert (source.height, source.width) == (20, 16)
    assert main(["download", "cats"]) == 0 and main(["normalize", "cats"]) == 0


def test_a_parquet_file_without_rows_beside_others_does_no_harm(here):
    (here / "cats").mkdir()
    write_parquet(here / "cats/0.parquet", IMAGES[:0], LABELS[:0])
    write_parquet(here / "cats/1.parquet", IMAGES, LABELS)
    assert new("cats") == 0
    assert main(["download", "cats"]) == 0 and main(["normalize", "cats"]) == 0


def test_folders_in_a_zip_are_no_classes_and_what_makes_some_is_said(here, capsys):
    pictures = {f"{index % 2}/{index}.png": png(image) for index, image in enumerate(IMAGES)}
    write_zip(here / "a.zip", pictures)
    assert new("a.zip") == 0
    assert "give each picture a label in the file, as docs/data.md says" in capsys.readouterr().out


def test_advice_on_large_pictures_can_be_followed(here, capsys):
    """Those in a file keep their size, so that no --size helps."""
    images = np.random.default_rng(2).integers(0, 256, (60, 100, 100), np.uint8)
    np.savez(here / "a.npz", images=images)
    assert new("a.npz", "--preset", "quick") == 1
    assert "unpack them and give the folder with --size 32" in capsys.readouterr().err
    assert new("a.npz") == 0
    said = capsys.readouterr().out
    assert "shapes need about 1,000 of them: add --minutes" in said and "--size" not in said


def damaged(folder: Path, mend: Callable[[dict[str, bytes], str], None]) -> None:
    """A zip, the fourth of whose pictures `mend` changes."""
    content = entries(IMAGES, None)
    mend(content, "00000/img00000003.png")
    write_zip(folder / "a.zip", content)


def large_picture(folder: Path) -> None:
    buffer = io.BytesIO()
    Image.new("L", (2_000, 20)).save(buffer, "png")
    write_zip(folder / "a.zip", {"0.png": buffer.getvalue(), "1.png": png(IMAGES[0])})


REFUSED = {
    "nothing there": (lambda h: None, [], "a.zip is not there", "name the file"),
    "no picture": (lambda h: write_zip(h / "a.zip", {"a.txt": b""}), [], "holds 0 pictures", "png"),
    "no zip": (lambda h: (h / "a.zip").write_text("no"), [], "cannot be read as a zip", "again"),
    "few": (
        lambda h: write_zip(h / "a.zip", entries(IMAGES[:20], None)),
        [],
        "holds 20 pictures",
        "add pictures",
    ),
    "a small class": (
        lambda h: write_zip(h / "a.zip", entries(IMAGES, np.minimum(np.arange(80), 71) // 71)),
        [],
        "holds 9 pictures of the class 1",
        "leave all labels out",
    ),
    "other size asked for": (
        lambda h: write_zip(h / "a.zip", entries(IMAGES, LABELS)),
        ["--size", "32"],
        "have 16 x 20 pixels",
        "leave --size out",
    ),
    "classes asked for": (
        lambda h: write_zip(h / "a.zip", entries(IMAGES, None)),
        ["--conditional"],
        "holds one class",
        "give each picture a label in the file",
    ),
    "large pictures": (large_picture, [], "pictures of 20 x 2000 pixels", "Resize them first"),
    "several sizes": (
        lambda h: write_zip(h / "a.zip", {"0.png": png(IMAGES[0]), "1.png": png(IMAGES[0, :8])}),
        [],
        "1.png has 8 x 20 pixels, and a.zip: 0.png 16 x 20",
        "give them as a folder of pictures with --size 32",
    ),
    "a damaged picture": (
        lambda h: damaged(h, lambda content, name: content.update({name: content[name][:400]})),
        [],
        "a.zip: 00000/img00000003.png: cannot be read as a picture",
        "Repair it",
    ),
    "a folder without parquet files": (
        lambda h: (h / "a.zip").mkdir(),
        [],
        "a.zip is a folder without parquet files",
        "--folder a.zip",
    ),
}


@pytest.mark.parametrize(("make", "more", "what", "remedy"), REFUSED.values(), ids=REFUSED)
def test_what_does_not_fit_is_said_with_what_to_do_and_nothing_is_written(
    here, assert_refused, make, more, what, remedy
):
    make(here)
    assert_refused(lambda: new("a.zip", *more), what, remedy)


@pytest.mark.parametrize("row", [{"path": "a"}, {"bytes": None}, "a", None])
def test_rows_without_a_picture_are_refused(here, assert_refused, row):
    import pyarrow as pa
    import pyarrow.parquet

    pa.parquet.write_table(pa.table({"image": [row] * 60}), here / "a.parquet")
    assert_refused(lambda: new("a.parquet"), "a.parquet: row 0: 'image' holds no bytes", "embed")


@pytest.mark.parametrize("path", ["", "cats\udcff.zip"], ids=["empty", "no UTF-8"])
def test_a_path_that_params_yaml_cannot_hold_is_refused(here, assert_refused, path):
    if path:
        write_zip(here / path, entries(IMAGES, None))
    assert_refused(lambda: new(path), "rename it" if path else "is a folder without", "")


def test_arrays_that_are_no_images_and_other_files_are_refused(here, capsys):
    np.savez(here / "a.npz", images=np.zeros((70, 3, 16, 16), np.uint8))
    assert new("a.npz") == 1
    assert "got [70, 3, 16, 16]" in capsys.readouterr().err
    np.savez(here / "a.npz", x_train=IMAGES)
    assert new("a.npz") == 1
    assert "holds ['x_train'], but neither 'images' nor 'arr_0'" in capsys.readouterr().err
    (here / "a.tar").write_bytes(b"")
    assert new("a.tar") == 1
    assert ".zip, .npz or .parquet" in capsys.readouterr().err
    assert main(["new", "cats", "--folder", "a.npz"]) == 1
    assert "--archive a.npz" in capsys.readouterr().err
